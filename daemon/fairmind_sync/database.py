"""The engine, and what makes SQLite safe: ARCHITECTURE.md, 'SQLite', says why for each setting."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, String, create_engine, event
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from fairmind_sync.errors import (
    DamagedError,
    DiskFullError,
    PayloadError,
    SchemaError,
    StorageError,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

try:
    import pysqlite3.dbapi2 as bundled_sqlite
except ImportError:  # no wheel for this platform
    bundled_sqlite = None

upsert = sqlite_insert
"""INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, in the database's own dialect."""


class random_key(FunctionElement[str]):  # noqa: N801 it reads as a function of SQL
    """32 random hexadecimal characters, another one in each row."""

    type = String(32)
    inherit_cache = True


@compiles(random_key, "sqlite")
def _random_key_of_sqlite(_element: random_key, _compiler: object, **_options: object) -> str:
    return "lower(hex(randomblob(16)))"


BUSY_TIMEOUT_MS = 30_000
MOST_CONNECTIONS = 64
"""More than a process has threads that could want one: nobody waits for a connection."""
_ROWS_A_STATEMENT = 50
"""With more, making the statement's text costs more than running it: 1,000 rows took 17 ms, not 29."""
GIVES_SPACE_BACK = "PRAGMA auto_vacuum = INCREMENTAL"
WAL_SIZE_LIMIT = 16 * 1024 * 1024
_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "afs", "9p"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"}
)


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the WAL-reset corruption (sqlite.org/wal.html#walresetbug)."""
    return (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )


def sqlite_module() -> ModuleType:
    """The SQLite that is safe with WAL: the bundled one where it is, else Python's own."""
    if bundled_sqlite is not None and wal_is_safe(bundled_sqlite.sqlite_version_info):
        return bundled_sqlite  # type: ignore[no-any-return]  # it has no type information
    return sqlite3


def journal_mode() -> str:
    """WAL where it can't corrupt the file; else the slower rollback journal."""
    return "wal" if wal_is_safe(sqlite_module().sqlite_version_info) else "delete"


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection whose transaction sees one state of the database."""
    with _translated(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a write transaction, committed at the end of the block.

    It takes the write lock at once (BEGIN IMMEDIATE): a transaction that read first and wrote later
    would fail on a concurrent commit, whatever the busy timeout.

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


_turns: WeakKeyDictionary[Engine, threading.Lock] = WeakKeyDictionary()


def _turn(engine: Engine) -> threading.Lock:
    """A process's writers wait for each other here, in turn: SQLite's own waiting sleeps, ever longer."""
    return _turns.setdefault(engine, threading.Lock())


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """As `writing`, for changes of the schema: foreign keys are off meanwhile and checked at the end.

    Alembic's batch mode copies and drops tables, and with foreign keys on the drop would cascade.
    """
    with (
        _translated(engine),
        engine.connect().execution_options(fairmind_writes=True) as connection,
    ):
        driver = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]  # it is connected
        try:
            with connection.begin():
                yield connection
                _check_foreign_keys(connection)
        finally:
            connection.invalidate()


@contextmanager
def alone(engine: Engine) -> Iterator[Any]:
    """The driver's own connection, outside of any transaction, for what SQLite does only there."""
    with _translated(engine), closing(engine.raw_connection()) as connection:
        yield connection.driver_connection


@lru_cache(maxsize=8)
def _shared_engine(url: str, _pid: int) -> Engine:
    return open_engine(url)


def shared_engine(url: str) -> Engine:
    """The process's engine for a database; a forked child gets its own, as SQLite demands."""
    return _shared_engine(url, os.getpid())


def open_engine(url: str | URL) -> Engine:
    """An engine whose every pooled connection is set up alike; makes the file's directory if need be.

    Raises:
        StorageError: the place can't hold a SQLite database safely.
    """
    engine = create_engine(
        url,
        module=sqlite_module(),
        connect_args={"isolation_level": None},
        max_overflow=MOST_CONNECTIONS,
        insertmanyvalues_page_size=_ROWS_A_STATEMENT,
    )
    _prepare_place(Path(str(engine.url.database)))
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "begin", _begin)
    return engine


class CommitWatch:
    """Tells whether another connection, of any process, has committed. One look costs microseconds.

    It holds a connection of its own outside of any transaction. Use it in one thread, and close it.
    """

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.raw_connection()
        self._seen = self._version()

    def has_changed(self) -> bool:
        """Whether somebody committed since the last time this was asked."""
        before, self._seen = self._seen, self._version()
        return self._seen != before

    def close(self) -> None:
        self._connection.close()

    def _version(self) -> int:
        try:
            cursor = self._connection.cursor()
            cursor.execute("PRAGMA data_version")
            (version,) = cursor.fetchone() or (0,)
            cursor.close()
        except sqlite_module().Error as error:
            raise StorageError(f"the database can't be watched for commits: {error}") from error
        return int(version)


def _set_up_connection(connection: Any, _record: object) -> None:
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"journal_size_limit = {WAL_SIZE_LIMIT}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
        connection.execute(GIVES_SPACE_BACK)  # only a new file can still be given it
    _set_journal_mode(connection)


def _set_journal_mode(connection: Any) -> None:
    """Several processes may open a new file at once; SQLite doesn't wait for this lock by itself."""
    wanted = journal_mode()
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != wanted:
        try:
            connection.execute(f"PRAGMA journal_mode = {wanted}")
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def _begin(connection: Connection) -> None:
    """Through the driver: as a statement of SQLAlchemy's it would cost five times as much."""
    writes = connection.get_execution_options().get("fairmind_writes", False)
    driver = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")  # type: ignore[union-attr]  # it is connected


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise SchemaError(
            f"the upgrade would break {len(broken)} references and was undone. "
            "Keep the file as it is and report this."
        )


@contextmanager
def _translated(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise _explained(engine, error.orig) from error
    except sqlite_module().Error as error:  # from setting up a new connection
        raise _explained(engine, error) from error
    except (StatementError, UnicodeEncodeError, OverflowError) as error:
        raise PayloadError(
            f"a value that was given can't be stored or looked for: {getattr(error, 'orig', None) or error}"
        ) from error


def _explained(engine: Engine, error: BaseException | None) -> StorageError:
    place = engine.url.render_as_string()
    match getattr(error, "sqlite_errorname", ""):
        case "SQLITE_FULL":
            return DiskFullError(
                f"the disk of {place} is full; nothing was stored. Free space there."
            )
        case "SQLITE_CORRUPT" | "SQLITE_NOTADB":
            return DamagedError(
                f"the database {place} is damaged ({error}); it is left as it is. Stop the daemon, move the "
                "file away together with its -wal and -shm, and put a backup in its place; "
                "'fairmind-sync db check' says what is wrong."
            )
    return StorageError(
        f"the database {place} can't be used: {error}. "
        "Check that its disk has space and that you may write there."
    )


def _prepare_place(path: Path) -> None:
    """Makes the directory and the file with their modes, if they aren't there."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_network_file_system(path.parent)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise StorageError(
            f"the database {path} can't be created: {error.strerror}. "
            "Set FAIRMIND_SYNC_DATABASE_URL to a place where you may write."
        ) from error
    if path.is_dir():
        raise StorageError(f"{path} is a directory: name a file in FAIRMIND_SYNC_DATABASE_URL.")


def _refuse_network_file_system(directory: Path) -> None:
    kind = _file_system_of(directory.resolve(), Path("/proc/self/mounts"))
    if kind in _NETWORK_FILE_SYSTEMS:
        raise StorageError(
            f"{directory} is on a network file system ({kind}), where SQLite loses data. "
            "Set FAIRMIND_SYNC_DATABASE_URL to a local disk."
        )


def _file_system_of(directory: Path, mounts: Path) -> str:
    """The type of the file system that holds the directory, '' where the system doesn't tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    points = {fields[1].replace("\\040", " "): fields[2] for fields in map(str.split, lines)}
    holder = next((str(p) for p in (directory, *directory.parents) if str(p) in points), "")
    return points.get(holder, "")
