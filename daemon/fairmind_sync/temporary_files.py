"""Whether the directory of temporary files (TMPDIR) can be written, and how much room it has."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

LEAST_FREE = 16 * 1024 * 1024
"""Bytes; what W&B's SDK writes for its runs at one time, and more."""
_REMEDY = "Free space there, or set TMPDIR to a directory where you may write."


def free_bytes(directory: Path) -> int:
    """Returns how many bytes the directory's disk can still take."""
    return shutil.disk_usage(directory).free


def trouble(directory: Path | None = None) -> str | None:
    """Returns why temporary files can't be written, and what to do; None where nothing is wrong.

    `directory` is where these will be, by default the one that TMPDIR and the system name.
    """
    try:
        place = directory or Path(tempfile.gettempdir())
    except FileNotFoundError:
        return f"no directory can take temporary files. {_REMEDY}"
    try:
        free = free_bytes(place)
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(bytes(4096))
    except OSError as error:
        return f"temporary files can't be written in {place}: {error.strerror}. {_REMEDY}"
    if free < LEAST_FREE:
        return f"only {free // 1024**2} MB are free for temporary files in {place}. {_REMEDY}"
    return None
