"""Collects orphaned child processes (zombies) where the daemon is a container's first process.

The system hands such a process the children of a worker that was killed, W&B's wandb-core for example. Each
would stay a zombie, and hold a process id.
"""

from __future__ import annotations

import multiprocessing
import os
from contextlib import suppress


def is_first_process() -> bool:
    """Returns whether orphans become this process's children."""
    return os.getpid() == 1


def reap_orphans() -> None:
    """Collects children that have ended and are none of multiprocessing's, which collects its own."""
    ours = {child.pid for child in multiprocessing.active_children()}
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with suppress(ChildProcessError):  # there is none any more
        while (ended := os.waitid(os.P_ALL, 0, look)) is not None and ended.si_pid not in ours:
            os.waitpid(ended.si_pid, 0)
