"""Takes erased content out of a SQLite file's write-ahead log, too,
and remembers in the file while that is still owed.

Our connections overwrite with zeros what they delete (PRAGMA secure_delete), but the log keeps pages as they
were before until the log is emptied. A counter in the file (PRAGMA user_version) says that this is still to
be done; it changes with the transaction that erases. A PostgreSQL server does all this by VACUUM, at times of
its own.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from fairmind_sync.errors import StorageError
from fairmind_sync.storage.engine import autocommit, is_file, reading, writing
from fairmind_sync.storage.sqlite import BUSY_TIMEOUT_MS

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_PATIENCE_MS = 250
"""So long a reader is waited for, while writers wait, too."""
_WRAP_AT = 2**31 - 1


def note_erasure(connection: Connection) -> None:
    """Notes, in the transaction that erases something, that the write-ahead log has to be emptied."""
    if is_file(connection.engine):
        _write_count(connection, _count(connection) % _WRAP_AT + 1)


def is_owed(engine: Engine) -> bool:
    """Returns whether the write-ahead log may hold erased content; always False for PostgreSQL."""
    if not is_file(engine):
        return False
    with reading(engine) as connection:
        return _count(connection) > 0


def empty_log(engine: Engine) -> None:
    """Empties the write-ahead log if it may hold erased content; later, if somebody reads an older state now.

    Whatever hinders it is left to the next call: what was erased is erased for all who ask us.
    """
    with suppress(StorageError):
        if not is_file(engine):
            return
        with reading(engine) as connection:
            noted = _count(connection)
        if noted and _truncate(engine):
            with writing(engine) as connection:
                if _count(connection) == noted:  # else somebody has erased more since
                    _write_count(connection, 0)


def _truncate(engine: Engine) -> bool:
    """Returns whether the log is empty."""
    with autocommit(engine) as driver:
        driver.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        try:
            (is_busy, *_pages) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return not is_busy


def _count(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _write_count(connection: Connection, count: int) -> None:
    connection.exec_driver_sql(f"PRAGMA user_version = {count}")
