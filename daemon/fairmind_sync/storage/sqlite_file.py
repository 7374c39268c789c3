"""Cares for an existing SQLite file: copies it, looks for damage, empties a large write-ahead log, gives
space back, and refuses saves on a nearly full disk.

The operator of a PostgreSQL server cares for the server: there, what the daemon does by itself does nothing,
and what a person asks for is refused with the name of the tool that does it.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL

from fairmind_sync.errors import DamagedError, DiskFullError, StorageError
from fairmind_sync.storage.engine import autocommit, is_file, open_engine, reading, writing
from fairmind_sync.storage.sqlite import GIVES_SPACE_BACK, WAL_SIZE_LIMIT, sqlite_module
from fairmind_sync.storage.sqlite_place import sync_directory
from fairmind_sync.storage.url import shown

if TYPE_CHECKING:
    from sqlalchemy import Engine

LARGE_WAL = 64 * 1024 * 1024
"""Bytes; a write-ahead log grows larger only while a connection reads one old state for long."""
EXTRA = 3
"""The value of PRAGMA synchronous that each of our connections sets."""
INCREMENTAL = 2
"""The value of PRAGMA auto_vacuum in a file that can give single pages back."""
_SPARE_PAGES, _PAGES_AT_ONCE = 4096, 1024
RESERVED = 8 * 1024 * 1024
"""Bytes that saves leave free, so that a disk which they filled can still take what the daemon records."""


def file_of(engine: Engine) -> Path:
    """Returns the path of the database's file.

    Raises:
        StorageError: the database is no file; the message names the tools that its server has.
    """
    if not is_file(engine):
        raise StorageError(
            f"{shown(engine.url)} is a PostgreSQL database, which has its own tools: pg_dump "
            "copies it, pg_amcheck checks it, VACUUM gives space back."
        )
    return Path(str(engine.url.database))


def copy_to(engine: Engine, target: Path) -> None:
    """Copies the database, consistently, while others go on writing; the copy is readable by us alone.

    The copy gets its name when the copy is whole: a process that is killed before leaves a '.partial' file.
    A power cut afterwards leaves the copy and its name.

    Raises:
        StorageError: the target exists already, or can't be written; an existing file stays as it is.
    """
    file_of(engine)
    if target.exists():
        raise StorageError(f"{target} exists already. Name a new file.")
    try:
        handle, draft = tempfile.mkstemp(".partial", f"{target.name}.", target.parent)
    except OSError as error:
        raise StorageError(
            f"{target} can't be made: {error.strerror}. Name a new file where you may write."
        ) from error
    os.close(handle)
    made = Path(draft)
    copy = sqlite_module().connect(draft)
    try:
        with reading(engine) as connection:
            connection.connection.driver_connection.backup(copy)  # type: ignore[union-attr]
        copy.close()
        made = made.rename(target)
        sync_directory(target.parent)
    except (StorageError, OSError, sqlite_module().Error) as error:
        made.unlink()
        raise StorageError(f"{target} can't be written: {error}. Nothing was kept.") from error
    finally:
        copy.close()


def damage(engine: Engine) -> list[str]:
    """Reads the whole file; returns what SQLite finds wrong, at most 100 lines of each of two checks."""
    file_of(engine)
    try:
        with reading(engine) as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except DamagedError as error:  # the check itself can't read on
        return [str(error)]
    lines = [str(line) for line in found if line != "ok"]
    return lines + [f"{row[0]} row {row[1]} refers to a missing {row[2]}" for row in orphans[:100]]


def damage_in(file: Path) -> list[str]:
    """Returns what `damage` does, of a file that nobody has opened."""
    engine = open_engine(URL.create("sqlite", database=str(file)))
    try:
        return damage(engine)
    finally:
        engine.dispose()


def synchronous(engine: Engine) -> int:
    """Returns the level of `PRAGMA synchronous` that our connections have; `EXTRA` survives a power cut."""
    with reading(engine) as connection:
        return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())


def shrink_wal(engine: Engine) -> int:
    """Empties a large write-ahead log into the database, unless somebody reads an older state now.

    The checkpoint waits for nobody, since writers would wait too. Returns the log's bytes afterwards.
    """
    if wal_size(engine) > WAL_SIZE_LIMIT:
        with reading(engine) as connection:
            cursor = connection.connection.cursor()
            cursor.execute("PRAGMA busy_timeout = 0")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.invalidate()
    return wal_size(engine)


def give_space_back(engine: Engine, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Hands unused pages back to the disk, a few at a time; keeps some for the next saves.

    Does nothing in a file that was made before schema 0004, until `compact` has rewritten the file.
    """
    while is_file(engine) and not should_stop():
        with writing(engine) as connection:
            unused = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
            surplus = min(unused - _SPARE_PAGES, _PAGES_AT_ONCE)
            mode = connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one()
            if surplus <= 0 or mode != INCREMENTAL:
                return
            connection.exec_driver_sql(f"PRAGMA incremental_vacuum({surplus})")


def compact(engine: Engine) -> tuple[int, int]:
    """Writes the file anew without unused pages, while everybody else waits.

    Returns:
        The database's bytes before and after.

    Raises:
        DiskFullError: the disk has no room for the copies that SQLite makes.
        StorageError: somebody reads or writes the file for longer than the busy timeout.
    """
    file = file_of(engine)
    with autocommit(engine) as driver:
        before = _bytes_of(driver)
        needed = 2 * before + RESERVED
        if free_bytes(engine) < needed:
            raise DiskFullError(
                f"this takes {needed // 1024**2} MB of free space beside {file}. Free it first."
            )
        driver.execute(GIVES_SPACE_BACK)
        driver.execute("VACUUM")
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return before, _bytes_of(driver)


def _bytes_of(driver: Any) -> int:
    """Returns the bytes of all pages, whether in the file or still in the write-ahead log."""
    sizes = (driver.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
    return math.prod(sizes)


def wal_size(engine: Engine) -> int:
    """Returns the bytes of the write-ahead log; 0 where there is none."""
    if not is_file(engine):
        return 0
    try:
        return Path(f"{file_of(engine)}-wal").stat().st_size
    except OSError:
        return 0


def free_bytes(engine: Engine) -> int:
    """Returns how many bytes the database's disk can still take.

    Raises:
        StorageError: the directory isn't there any more, or can't be looked at.
    """
    directory = os.path.dirname(str(engine.url.database)) or "."  # noqa: PTH120 quick: at each save
    try:
        return shutil.disk_usage(directory).free
    except OSError as error:
        raise StorageError(
            f"the directory {directory} of the database can't be used: {error.strerror}. Nothing is saved. "
            "Put the directory back; or stop every program that uses the database, and start them again."
        ) from error


def require_space(engine: Engine) -> None:
    """Does nothing while the disk of a SQLite file has room for another save.

    Raises:
        DiskFullError: less is free than what is reserved for the daemon's records.
    """
    if not is_file(engine):
        return
    free = free_bytes(engine)
    if free < RESERVED:
        raise DiskFullError(
            f"the disk of {file_of(engine)} has {free // 1024} KB left; nothing was saved. "
            f"Free at least {RESERVED // 1024**2} MB there and save again."
        )
