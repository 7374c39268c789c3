"""Engines and transactions of either database: opens one a process and URL, reads, writes (one writer of a
process at a time); the database's current time; a driver's errors as ours.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, ref

from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.exc import DBAPIError, StatementError

from fairmind_sync.clock import utc_now
from fairmind_sync.errors import PayloadError, StorageError
from fairmind_sync.storage import postgresql, sqlite
from fairmind_sync.storage.file_identity import require_same_files

if TYPE_CHECKING:
    from sqlalchemy.engine import URL
    from sqlalchemy.pool import ConnectionPoolEntry

MOST_CONNECTIONS = 64
"""Connections of a process; more than its threads could want, so that no thread waits for one."""
_MOST_ENGINES = 8
"""Databases to which a process keeps connections; one that opens more of them lets go of the first."""


def is_file(engine: Engine) -> bool:
    """Returns whether the database is a SQLite file, whose disk and write-ahead log are ours to care for."""
    return engine.dialect.name == "sqlite"


def open_engine(
    url: str | URL,
    clock: Callable[[], datetime] | None = None,
    write_lock: AbstractContextManager[object] | None = None,
) -> Engine:
    """Returns a new engine, whose connections are set up for safety.

    `clock` is what `current_time` goes by, `write_lock` what each transaction of `writing` takes first: by
    default the clock of the host or of the PostgreSQL server, and a lock of the process's threads.

    Raises:
        StorageError: the URL's place can't hold a database, or the database's driver isn't installed.
    """
    parsed = make_url(url)
    is_of_sqlite = parsed.get_backend_name() == "sqlite"
    opened = sqlite.open_file_engine if is_of_sqlite else postgresql.open_server_engine
    engine = opened(parsed, MOST_CONNECTIONS)
    if clock is not None:
        _clocks[engine] = clock
    if write_lock is not None:
        _write_locks[engine] = write_lock
    event.listen(engine, "checkin", _closes_what_comes_back_late(ref(engine)))
    return engine


_engines: dict[tuple[str, int], Engine] = {}
_let_go: WeakSet[Engine] = WeakSet()


def shared_engine(url: str) -> Engine:
    """Returns the process's engine for a database; a forked child gets another, as both databases demand.

    Threads that ask at once get the same one: a second one's connections would be nobody's to close.
    """
    key = (url, os.getpid())
    engine = _engines.get(key)
    if engine is None:
        engine = _engines.setdefault(key, open_engine(url))
        ours = [other for other, pid in [*_engines] if pid == key[1] and other != url]
        for other in ours[: max(0, len(ours) + 1 - _MOST_ENGINES)]:
            let_go(other)
    return engine


def let_go(url: str) -> None:
    """Closes this process's connections to a database; those in use are closed as they come back.

    Whoever still has the engine can use it, with a new connection each time. `shared_engine` makes another.
    """
    engine = _engines.pop((url, os.getpid()), None)
    if engine is not None:
        _let_go.add(engine)
        engine.dispose()


def _closes_what_comes_back_late(
    engine: ref[Engine],
) -> Callable[[object, ConnectionPoolEntry], None]:
    """Nobody would close a connection that comes back to a pool which was closed meanwhile."""

    def close_if_late(_connection: object, entry: ConnectionPoolEntry) -> None:
        if engine() in _let_go:
            entry.close()

    return close_if_late


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yields a connection whose transaction sees one state of the database."""
    with translated_errors(engine), engine.connect() as connection:
        if not is_file(engine):
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def reading_at_leisure(engine: Engine) -> Iterator[Connection]:
    """Does the same for a block that may do something else for minutes between two statements.

    A host that went away is noticed by its connection all the same, and whoever reads holds no row.
    """
    with reading(engine) as connection:
        if not is_file(engine):
            postgresql.let_idle(connection)
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yields a connection in a write transaction, which is committed at the end of the block.

    In SQLite the transaction takes the write lock at once (BEGIN IMMEDIATE): a transaction that read first
    and wrote later would fail on a concurrent commit, whatever the busy timeout. In PostgreSQL each statement
    sees what other transactions have committed, and two transactions wait for each other at a row that both
    write.

    Raises:
        StorageError: the database can't be written; nothing of the block is stored. Or the file was deleted
            or replaced meanwhile, so that nobody will find what was stored.
    """
    with (
        translated_errors(engine),
        _write_lock(engine),
        engine.connect().execution_options(fairmind_writes=True) as connection,
    ):
        with connection.begin():
            yield connection
        if is_file(engine):
            require_same_files(connection)


_write_locks: WeakKeyDictionary[Engine, AbstractContextManager[object]] = WeakKeyDictionary()


def _write_lock(engine: Engine) -> AbstractContextManager[object]:
    """Returns the lock that this process's writers take first: SQLite's own waiting sleeps, ever longer.

    PostgreSQL's writers work side by side.
    """
    return _write_locks.setdefault(engine, threading.Lock() if is_file(engine) else nullcontext())


@contextmanager
def autocommit(engine: Engine) -> Iterator[Any]:
    """Yields the driver's own connection, outside of any transaction, for what SQLite refuses within one."""
    with translated_errors(engine), closing(engine.raw_connection()) as connection:
        yield connection.driver_connection


_clocks: WeakKeyDictionary[Engine, Callable[[], datetime]] = WeakKeyDictionary()
_server_clocks: WeakKeyDictionary[Engine, postgresql.Clock] = WeakKeyDictionary()


def current_time(engine: Engine) -> datetime:
    """Returns the time that all who share the database go by: of this host, or of the PostgreSQL server.

    Raises:
        StorageError: the server can't be asked for its time.
    """
    if (clock := _clocks.get(engine)) is not None:
        return clock()
    if is_file(engine):
        return utc_now()
    with translated_errors(engine):
        return _server_clocks.setdefault(engine, postgresql.Clock()).now(engine)


@contextmanager
def translated_errors(engine: Engine) -> Iterator[None]:
    """Raises errors of the database and its driver as ours.

    Raises:
        StorageError: the database can't be used; the message says what to do.
        PayloadError: a value can't be stored or looked for in the database.
    """
    try:
        yield
    except DBAPIError as error:
        raise _explained(engine, error) from error
    except _driver_errors(engine) as error:  # from setting up a new connection
        raise _explained(engine, error) from error
    except (StatementError, UnicodeEncodeError, OverflowError) as error:
        raise PayloadError(
            f"a value that was given can't be stored or looked for: {getattr(error, 'orig', None) or error}"
        ) from error


def _driver_errors(engine: Engine) -> type[Exception]:
    errors: type[Exception] = engine.dialect.loaded_dbapi.Error
    return errors


def _explained(engine: Engine, error: Exception) -> StorageError | PayloadError:
    if is_file(engine):
        return sqlite.explained(engine, error.orig if isinstance(error, DBAPIError) else error)
    return postgresql.explained(engine, error)
