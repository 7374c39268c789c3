"""Children that end with their parent, even if that is killed."""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """From here on this process is killed when the process that started it has gone; on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def ending_with_parent() -> list[str]:
    """What a command line begins with whose process is killed when the calling process has gone."""
    guard = shutil.which("setpriv")
    return [guard, "--pdeathsig", "KILL", "--"] if guard else []


def await_end_of(pid: int) -> None:
    """Returns when the process has gone."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([watched], [], [])
    os.close(watched)
