"""The care of the database file: copies, checks, its write-ahead log, and the disk it is on."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fairmind_sync.database import WAL_SIZE_LIMIT, reading, sqlite_module
from fairmind_sync.errors import DamagedError, DiskFullError, StorageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

LARGE_WAL = 64 * 1024 * 1024
"""Bytes; a write-ahead log grows so large only while a connection reads one old state for long."""
RESERVED = 8 * 1024 * 1024
"""Bytes that saves leave free, so that a disk which they filled can still take what the daemon records."""


def file_of(engine: Engine) -> Path:
    return Path(str(engine.url.database))


def copy_to(engine: Engine, target: Path) -> None:
    """A consistent copy, made by SQLite itself while others go on writing; readable by us alone.

    It gets its name when it is whole: a process that is killed in the middle leaves a '.partial' file.

    Raises:
        StorageError: the file exists already, or can't be written; what there is stays as it is.
    """
    if target.exists():
        raise StorageError(f"{target} exists already. Name a new file.")
    try:
        handle, draft = tempfile.mkstemp(".partial", f"{target.name}.", target.parent)
    except OSError as error:
        raise StorageError(
            f"{target} can't be made: {error.strerror}. Name a new file where you may write."
        ) from error
    os.close(handle)
    copy = sqlite_module().connect(draft)
    try:
        with reading(engine) as connection:
            connection.connection.driver_connection.backup(copy)  # type: ignore[union-attr]
        copy.close()
        Path(draft).rename(target)
    except (StorageError, OSError, sqlite_module().Error) as error:
        Path(draft).unlink()
        raise StorageError(f"{target} can't be written: {error}. Nothing was kept.") from error
    finally:
        copy.close()


def damage(engine: Engine) -> list[str]:
    """What SQLite finds wrong in the file, at most 100 lines; nothing in a sound one. Reads all of it."""
    try:
        with reading(engine) as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except DamagedError as error:  # so badly that the check can't end
        return [str(error)]
    lines = [str(line) for line in found if line != "ok"]
    return lines + [f"{row[0]} row {row[1]} refers to a missing {row[2]}" for row in orphans[:100]]


def shrink_wal(engine: Engine) -> int:
    """Empties the write-ahead log into the database, if it is large and nobody reads an older state.

    It waits for nobody: writers would wait along. Returns the log's bytes afterwards.
    """
    if wal_size(engine) > WAL_SIZE_LIMIT:
        with reading(engine) as connection:
            cursor = connection.connection.cursor()
            cursor.execute("PRAGMA busy_timeout = 0")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.invalidate()
    return wal_size(engine)


def wal_size(engine: Engine) -> int:
    """Bytes of the write-ahead log; 0 where there is none."""
    try:
        return Path(f"{file_of(engine)}-wal").stat().st_size
    except OSError:
        return 0


def free_bytes(engine: Engine) -> int:
    """What the disk of the database can still take."""
    return shutil.disk_usage(file_of(engine).parent).free


def require_space(engine: Engine) -> None:
    """
    Raises:
        DiskFullError: only what is reserved for the daemon's records is left.
    """  # noqa: D205, D212 there is nothing to say but the error
    free = free_bytes(engine)
    if free < RESERVED:
        raise DiskFullError(
            f"the disk of {file_of(engine)} has {free // 1024} KB left; nothing was saved. "
            f"Free at least {RESERVED // 1024**2} MB there and save again."
        )
