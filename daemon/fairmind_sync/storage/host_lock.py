"""A lock file that one process of this host holds, and that the system frees when the process dies: by it one
of a host's processes is elected to deliver.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import weakref
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fairmind_sync.errors import StorageError
from fairmind_sync.storage.engine import is_file
from fairmind_sync.text import mark

if TYPE_CHECKING:
    from sqlalchemy import Engine


class HostLock:
    """An advisory lock on a file of its own, beside a SQLite file or in the directory of temporary files.

    A forked child lets go of the lock, so that the lock ends with the process that took it.
    """

    def __init__(self, engine: Engine, what: str) -> None:
        self._engine = engine
        self._what = what
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Returns whether this object holds the lock now; doesn't wait.

        Raises:
            StorageError: the lock's file can't be made; whether others hold the lock isn't known.
        """
        if self._descriptor is not None:
            return True
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        os.register_at_fork(after_in_child=partial(_let_go, weakref.ref(self)))
        return True

    def release(self) -> None:
        """Lets another process have the lock; does nothing without the lock."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _open(self) -> int:
        try:
            path = self._path()
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise StorageError(f"can't lock for this host: {error}") from error
        if os.fstat(descriptor).st_uid != os.geteuid():
            os.close(descriptor)
            raise StorageError(f"can't lock for this host: {path} belongs to another user")
        return descriptor

    def _path(self) -> Path:
        if is_file(self._engine):
            return Path(f"{self._engine.url.database}.{self._what}")
        name = mark(self._engine.url.render_as_string())
        return Path(tempfile.gettempdir()) / f"fairmind-sync-{os.geteuid()}-{name}.{self._what}"


def _let_go(lock: weakref.ref[HostLock]) -> None:
    """Closes a forked child's descriptor, which holds the lock as well as the parent's."""
    if (held := lock()) is not None:
        with suppress(OSError):
            held.release()
