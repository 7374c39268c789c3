"""Transactions, and whatever else SQLite and PostgreSQL don't have in common, under one name each.

`sqlite` and `postgresql` say how each is opened; nothing else asks which of them it is, but the few verbs
that care for a file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, String, Table, make_url
from sqlalchemy.dialects.sqlite import dml as sqlite_dml
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from fairmind_sync import postgresql, sqlite
from fairmind_sync.clock import utc_now
from fairmind_sync.errors import PayloadError, StorageError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

MOST_CONNECTIONS = 64
"""More than a process has threads that could want one: nobody waits for a connection."""

upsert = sqlite_insert
"""INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, which both databases know."""


@compiles(sqlite_dml.OnConflictDoNothing, "postgresql")
def _do_nothing(clause: Any, compiler: Any, **options: Any) -> str:
    clause.constraint_target = None  # what PostgreSQL's own clause has besides
    return str(compiler.visit_on_conflict_do_nothing(clause, **options))


@compiles(sqlite_dml.OnConflictDoUpdate, "postgresql")
def _do_update(clause: Any, compiler: Any, **options: Any) -> str:
    clause.constraint_target = None
    return str(compiler.visit_on_conflict_do_update(clause, **options))


class random_key(FunctionElement[str]):  # noqa: N801 it reads as a function of SQL
    """32 random hexadecimal characters, another one in each row."""

    type = String(32)
    inherit_cache = True


@compiles(random_key, "sqlite")
def _random_key_of_sqlite(_element: random_key, _compiler: object, **_options: object) -> str:
    return "lower(hex(randomblob(16)))"


@compiles(random_key, "postgresql")
def _random_key_of_postgresql(_element: random_key, _compiler: object, **_options: object) -> str:
    return "replace(gen_random_uuid()::text, '-', '')"


def is_file(engine: Engine) -> bool:
    """Whether it is a SQLite file, with a disk and a write-ahead log that are ours to care for."""
    return engine.dialect.name == "sqlite"


def open_engine(url: str | URL) -> Engine:
    """A new engine, whose connections are set up for safety.

    Raises:
        StorageError: the database can't be there, or its driver isn't installed.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return sqlite.open_engine(parsed, MOST_CONNECTIONS)
    return postgresql.open_engine(parsed, MOST_CONNECTIONS)


@lru_cache(maxsize=8)
def _shared_engine(url: str, _pid: int) -> Engine:
    return open_engine(url)


def shared_engine(url: str) -> Engine:
    """The process's engine for a database; a forked child gets its own, as both databases demand."""
    return _shared_engine(url, os.getpid())


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection whose transaction sees one state of the database."""
    with _translated(engine), engine.connect() as connection:
        if not is_file(engine):
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a write transaction, committed at the end of the block.

    In SQLite it takes the write lock at once (BEGIN IMMEDIATE): a transaction that read first and wrote
    later would fail on a concurrent commit, whatever the busy timeout. PostgreSQL's see what others have
    committed at each statement, and wait for each other at the rows that both write.

    Raises:
        StorageError: the database can't be written; nothing of the block is stored.
    """
    with (
        _translated(engine),
        _turn(engine),
        engine.connect().execution_options(fairmind_writes=True) as connection,
        connection.begin(),
    ):
        yield connection


class _NoTurn:
    """PostgreSQL's writers work side by side."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_error: object) -> None: ...


_turns: WeakKeyDictionary[Engine, threading.Lock | _NoTurn] = WeakKeyDictionary()


def _turn(engine: Engine) -> threading.Lock | _NoTurn:
    """A process's writers wait for each other here, in turn: SQLite's own waiting sleeps, ever longer."""
    return _turns.setdefault(engine, threading.Lock() if is_file(engine) else _NoTurn())


def take_turn(connection: Connection, what: str) -> None:
    """Inside `writing`: whoever says the same waits here, until this transaction ends.

    For what reads first and writes what follows from that. In SQLite all writers take turns anyway.
    """
    if not is_file(connection.engine):
        postgresql.take_turn(connection, what)


def continue_ids(connection: Connection, table: Table) -> None:
    """After rows that brought their ids along: new ones get higher ids. SQLite does so by itself."""
    if "id" in table.c and not is_file(connection.engine):
        postgresql.continue_ids(connection, table)


@contextmanager
def only_one(engine: Engine, what: str) -> Iterator[bool]:
    """Whether nobody else, on any host, is in such a block; then nobody else gets in during this one.

    A SQLite file has one daemon; what two of them do there, they do in turns.
    """
    if is_file(engine):
        yield True
        return
    with _translated(engine), engine.connect() as connection:
        yield postgresql.has_turn(connection, what)


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """As `writing`, for changes of the schema, one at a time.

    In SQLite foreign keys are off meanwhile and checked at the end: Alembic's batch mode copies and drops
    tables, and with foreign keys on the drop would cascade.
    """
    if not is_file(engine):
        with writing(engine) as connection:
            take_turn(connection, "schema")
            yield connection
        return
    with (
        _translated(engine),
        engine.connect().execution_options(fairmind_writes=True) as connection,
    ):
        driver = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]  # it is connected
        try:
            with connection.begin():
                yield connection
                sqlite.check_foreign_keys(connection)
        finally:
            connection.invalidate()


@contextmanager
def alone(engine: Engine) -> Iterator[Any]:
    """The driver's own connection, outside of any transaction, for what SQLite does only there."""
    with _translated(engine), closing(engine.raw_connection()) as connection:
        yield connection.driver_connection


_clocks: WeakKeyDictionary[Engine, postgresql.Clock] = WeakKeyDictionary()


def now(engine: Engine) -> datetime:
    """The time that all who share the database go by: of this host, or of PostgreSQL's.

    Raises:
        StorageError: the server can't be asked.
    """
    if is_file(engine):
        return utc_now()
    with _translated(engine):
        return _clocks.setdefault(engine, postgresql.Clock()).now(engine)


class CommitWatch:
    """Tells whether there may be something new to do. One look costs microseconds.

    In SQLite any commit of another connection counts. It holds a connection of its own outside of any
    transaction. Use it in one thread, and close it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._listener: postgresql.Listener | None = None
        with _translated(engine):
            if is_file(engine):
                self._connection = engine.raw_connection()
                self._seen = sqlite.data_version(self._connection)
            else:
                self._listener = postgresql.Listener(engine)

    def has_changed(self) -> bool:
        """Whether somebody committed since the last time this was asked.

        Raises:
            StorageError: the database can't be watched any more.
        """
        if self._listener is not None:
            with _translated(self._engine):
                return self._listener.has_heard()
        before, self._seen = self._seen, sqlite.data_version(self._connection)
        return self._seen != before

    def close(self) -> None:
        (self._listener or self._connection).close()


@contextmanager
def _translated(engine: Engine) -> Iterator[None]:
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
