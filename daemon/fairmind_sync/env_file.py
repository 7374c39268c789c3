"""Finds the file that holds variables beside the environment's."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "FAIRMIND_SYNC_ENV_FILE"
_NAME = ".env"


def env_file() -> Path | None:
    """Returns the file that the variable names, else the nearest `.env` above the working directory.

    Returns None where there is none. The file that the variable names may be missing or unreadable.
    """
    if named := os.environ.get(VARIABLE, "").strip():
        return Path(named).expanduser().absolute()
    try:
        here = Path.cwd()
    except OSError:  # it was deleted
        return None
    return next(
        (each / _NAME for each in (here, *here.parents) if _is_readable(each / _NAME)), None
    )


def _is_readable(file: Path) -> bool:
    """Returns whether a file that nobody named can be read: another user's may not."""
    return file.is_file() and os.access(file, os.R_OK)
