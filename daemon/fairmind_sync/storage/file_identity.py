"""Notices that a SQLite file was deleted, replaced or moved while a connection has it open.

A file that was deleted, replaced or moved with its directory lives on for whoever has it open, and takes
commits that nobody will find. So does a write-ahead log.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from fairmind_sync.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.pool import ConnectionPoolEntry

_SUFFIXES = ("", "-wal", "-shm")
_KEY = "fairmind_open_files"
_Identity: TypeAlias = tuple[int, int] | None
"""Device and inode; None where there is no file."""


class _OpenFiles:
    """What a connection has open: the database, its write-ahead log, and the log's index."""

    def __init__(self, database: str) -> None:
        self._opened = {database + suffix: _identity(database + suffix) for suffix in _SUFFIXES}
        self.database = self._opened[database]

    def require(self) -> None:
        for path, opened in self._opened.items():
            if _identity(path) != opened:
                raise _gone(path)


def _identity(path: str) -> _Identity:
    try:
        found = os.stat(path)  # noqa: PTH116 quick: six times at each save
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _gone(path: str) -> StorageError:
    return StorageError(
        f"{path} isn't the file that this program has open: the file was deleted or replaced, or its "
        "directory moved. Nothing is saved. Put the file back; or stop every program that uses the database, "
        "see what is at that place, and start them again."
    )


def remember_files(database: str) -> Callable[[Any, ConnectionPoolEntry], None]:
    """Returns a listener for an engine's new connections, which notes what each connection has open.

    The listener raises StorageError where the engine's first connection opened another file.
    """
    first: list[_Identity] = []

    def remember(connection: Any, entry: ConnectionPoolEntry) -> None:
        connection.execute("PRAGMA schema_version")  # SQLite opens the log at the first read
        opened = entry.info[_KEY] = _OpenFiles(database)
        if not first:
            first.append(opened.database)
        if opened.database != first[0]:
            raise _gone(database)

    return remember


def require_same_files(connection: Connection) -> None:
    """Does nothing while the files at the database's path are those that the connection has open.

    Raises:
        StorageError: a file isn't; what the connection reads is old, and what it commits, nobody will find.
    """
    opened: _OpenFiles = connection.info[_KEY]
    opened.require()
