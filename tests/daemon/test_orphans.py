"""What is collected of ended processes, tried in a process of its own, whose children are no others."""

from __future__ import annotations

import subprocess
import sys

from tests.support.processes import PATIENCE_S

SCRIPT = """
import multiprocessing
import os

from fairmind_sync.daemon.orphans import reap_orphans


def ended(status):
    pid = os.fork()
    if pid == 0:
        os._exit(status)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def is_there(pid):
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return False


reap_orphans()  # without any child
first, second = ended(0), ended(1)
reap_orphans()
print(is_there(first), is_there(second))


class Child:
    pid = ended(0)


multiprocessing.active_children = lambda: [Child]
reap_orphans()
print(is_there(Child.pid))
"""


def test_orphans_are_collected_and_workers_are_left_to_multiprocessing() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert ran.stdout.split() == ["False", "False", "True"]
