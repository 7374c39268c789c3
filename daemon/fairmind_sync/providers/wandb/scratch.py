"""The worker's own directory for files of W&B's SDK: made,
locked, cleared; those of dead processes are removed.

The worker holds a lock on its directory for as long as it lives. No process id could tell whether a
directory is in use: containers that share a directory of temporary files don't see each other's processes.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from fairmind_sync import temporary_files
from fairmind_sync.errors import ProviderBlockedError, ProviderBrokenError

SETTINGS = "config"
"""The folder in it with W&B's settings file."""
_PREFIX = "fairmind-sync-sdk-"


def private_directory() -> Path:
    """Returns a new directory, removed when this process ends; removes those that killed processes left.

    Raises:
        ProviderBlockedError: temporary files can't be written; the message names TMPDIR.
    """
    _refuse(temporary_files.trouble())
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _remove_if_unused(left)
    while True:
        made = Path(tempfile.mkdtemp(prefix=_PREFIX))
        if _hold(made):
            atexit.register(shutil.rmtree, made, ignore_errors=True)
            return made


def require_room(directory: Path) -> None:
    """Does nothing while the SDK can write its files.

    Raises:
        ProviderBlockedError: it can't; the message names TMPDIR.
        ProviderBrokenError: somebody removed this process's directory, so that only a fresh process helps.
    """
    if not directory.is_dir():
        raise ProviderBrokenError(f"{directory} is gone, where W&B's SDK has its files")
    _refuse(temporary_files.trouble(directory))


def _refuse(trouble: str | None) -> None:
    if trouble is not None:
        raise ProviderBlockedError(f"W&B's SDK needs room for its files, and {trouble}")


def clear(directory: Path) -> None:
    """Removes what an ended wandb-core left: its logs, and a folder for each run that was read back.

    Directories whose names start with 'tmp' stay: the SDK made these once for the whole process. So do the
    settings that the next wandb-core reads.
    """
    for left in directory.iterdir():
        if not left.name.startswith("tmp") and left.name != SETTINGS:
            shutil.rmtree(left, ignore_errors=True)


def _remove_if_unused(left: Path) -> None:
    """Removes the directory, unless another process holds it, or it is another user's."""
    with suppress(OSError):  # such a directory is none of ours, or is going anyway
        lock = _locked(left)
        shutil.rmtree(left, ignore_errors=True)
        os.close(lock)


def _hold(made: Path) -> bool:
    """Locks the new directory until this process ends; returns False if somebody was removing it.

    Where the file system knows no locks nobody can take one, so that nobody removes the directory either.
    """
    try:
        _locked(made)
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:
        return True
    return made.is_dir()


def _locked(directory: Path) -> int:
    """Returns a descriptor whose lock on the directory lasts until the descriptor is closed."""
    found = os.open(directory, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(found)
        raise
    return found
