"""Finds the `.env` file, and reads variables by name: from the environment, else from that file."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from pathlib import Path

from dotenv import dotenv_values

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


def variables(file: Path | None, wanted: Container[str]) -> dict[str, str]:
    """Returns those of the wanted variables that are set: in the environment, else in the file.

    Names are read whatever their case; an empty variable counts as unset.

    Raises:
        OSError: the file can't be read.
        UnicodeDecodeError: the file is no text.
    """
    in_file: Mapping[str, str | None] = {}
    if file is not None:
        with file.open(encoding="utf-8") as lines:
            in_file = dotenv_values(stream=lines)
    return {
        name.upper(): value
        for place in (in_file, os.environ)
        for name, value in place.items()
        if value and name.upper() in wanted
    }


def _is_readable(file: Path) -> bool:
    """Returns whether a file that nobody named can be read: another user's may not."""
    return file.is_file() and os.access(file, os.R_OK)
