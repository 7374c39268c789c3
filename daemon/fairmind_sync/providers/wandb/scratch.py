"""The directory in which one worker's W&B SDK leaves its files."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "fairmind-sync-wandb-"


def private_directory() -> Path:
    """A fresh directory of this process, gone at its end; those of killed processes go now."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if not _is_running(left.name.removeprefix(_PREFIX).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def clear(directory: Path) -> None:
    """Removes what a wandb-core left that has ended: its logs, and a folder for each run that was read back.

    What starts with 'tmp' the SDK made once for the whole process, and keeps.
    """
    for left in directory.iterdir():
        if not left.name.startswith("tmp"):
            shutil.rmtree(left, ignore_errors=True)


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True
