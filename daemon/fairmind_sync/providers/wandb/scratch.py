"""The directory in which one worker's W&B SDK leaves its files."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

SETTINGS = "config"
"""The folder in it with W&B's settings file."""
_PREFIX = "fairmind-sync-wandb-"


def private_directory() -> Path:
    """Returns a new directory, removed when this process ends; removes those that killed processes left."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if not _is_running(left.name.removeprefix(_PREFIX).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def clear(directory: Path) -> None:
    """Removes what an ended wandb-core left: its logs, and a folder for each run that was read back.

    Directories whose names start with 'tmp' stay: the SDK made these once for the whole process. So do the
    settings that the next wandb-core reads.
    """
    for left in directory.iterdir():
        if not left.name.startswith("tmp") and left.name != SETTINGS:
            shutil.rmtree(left, ignore_errors=True)


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True
