"""What only SQLite does: which SQLite module, PRAGMAs of each connection, journal mode, how transactions
begin, what its errors mean; the reason for each setting is in docs/reference/sqlite.md.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event

from fairmind_sync.errors import DamagedError, DiskFullError, SchemaError, StorageError
from fairmind_sync.storage import cause_function
from fairmind_sync.storage.file_identity import remember_files, require_same_files
from fairmind_sync.storage.sqlite_place import prepare_place
from fairmind_sync.storage.url import shown

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

try:
    import pysqlite3.dbapi2 as bundled_sqlite
except ImportError:  # no wheel for this platform
    bundled_sqlite = None

BUSY_TIMEOUT_MS = 30_000
_ROWS_A_STATEMENT = 50
"""Rows of one INSERT; with more, its text takes longer to make than to run: 1,000 rows took 17 ms, not 29."""
GIVES_SPACE_BACK = "PRAGMA auto_vacuum = INCREMENTAL"
WAL_SIZE_LIMIT = 16 * 1024 * 1024


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Returns whether the version has no WAL-reset corruption (sqlite.org/wal.html#walresetbug)."""
    return (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )


def sqlite_module() -> ModuleType:
    """Returns the bundled SQLite where there is one that is safe with WAL, else Python's own."""
    if bundled_sqlite is not None and wal_is_safe(bundled_sqlite.sqlite_version_info):
        return bundled_sqlite  # type: ignore[no-any-return]  # it has no type information
    return sqlite3


def journal_mode() -> str:
    """Returns 'wal' where WAL can't corrupt the file, else 'delete', the slower rollback journal."""
    return "wal" if wal_is_safe(sqlite_module().sqlite_version_info) else "delete"


def open_file_engine(url: URL, most_connections: int) -> Engine:
    """Returns an engine whose connections are all set up alike; makes the file and its directory if need be.

    Links are followed here, once, so that what is made and looked at beside the file stands beside the file.

    Raises:
        StorageError: the place can't hold a SQLite database safely.
    """
    url = url.set(database=os.path.realpath(str(url.database)))
    engine = create_engine(
        url,
        module=sqlite_module(),
        connect_args={"isolation_level": None},
        max_overflow=most_connections,
        hide_parameters=True,  # results, in a traceback that is logged
        insertmanyvalues_page_size=_ROWS_A_STATEMENT,
    )
    file = str(url.database)
    prepare_place(Path(file))
    event.listen(engine, "do_connect", _open_what_is_there)
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "connect", remember_files(file))
    event.listen(engine, "begin", _begin)
    return engine


def _open_what_is_there(dialect: Any, _entry: object, place: list[Any], options: Any) -> Any:
    """Has SQLite open the file, and never make one: saves would go into an empty database.

    The arguments stay as they are: SQLAlchemy 2.0 hands the same ones to the next connection.
    """
    file, *others = place
    return dialect.connect(f"file:{quote(file)}?mode=rw", *others, **{**options, "uri": True})


def data_version(connection: Any) -> int:
    """Returns a number that changes with each commit of another connection.

    Raises:
        StorageError: the file can't be read.
    """
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA data_version")
        (version,) = cursor.fetchone() or (0,)
        cursor.close()
    except sqlite_module().Error as error:
        raise StorageError(f"the database can't be watched for commits: {error}") from error
    return int(version)


def _set_up_connection(connection: Any, _record: object) -> None:
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "synchronous = EXTRA",  # FULL, and a removed rollback journal stays removed
        "foreign_keys = ON",
        "secure_delete = ON",  # what is erased can't be read in the file
        f"journal_size_limit = {WAL_SIZE_LIMIT}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
        connection.execute(GIVES_SPACE_BACK)  # only a new file can still be given it
    _set_journal_mode(connection)
    cause_function.teach(connection)


def _set_journal_mode(connection: Any) -> None:
    """Sets the file's journal mode; waits for other processes that do so, as SQLite doesn't by itself."""
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
    """Begins a transaction through the driver, at a fifth of what a statement of SQLAlchemy's would cost."""
    writes = connection.get_execution_options().get("fairmind_writes", False)
    driver = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")  # type: ignore[union-attr]  # it is connected
    require_same_files(connection)


def check_foreign_keys(connection: Connection) -> None:
    """Does nothing while every reference has its row.

    Raises:
        SchemaError: a migration broke references; its transaction has to be undone.
    """
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise SchemaError(
            f"the upgrade would break {len(broken)} references and was undone. "
            "Keep the file as it is and report this."
        )


def explained(engine: Engine, error: BaseException | None) -> StorageError:
    """Returns an error that says what is wrong with the file, and what to do."""
    place = shown(engine.url)
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
