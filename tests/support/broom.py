"""Ends what a test run has started and removes its directories, once the run is over, even if it was killed.

Each process of a run has the run's mark among its variables; the broom is the one that hasn't.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.support.ending import await_end_of

MARK = "RUN_OF_THE_TESTS"
_MEMORY = Path("/dev/shm")  # noqa: S108 - the directories made there are their maker's alone
_ROOMY = 4 * 2**30
_CHECKOUT = Path(__file__).parents[2]


def mark_this_run() -> None:
    """Called once, by pytest itself; what it starts from here on bears the mark."""
    mark = f"{os.getpid()}-{time.time():.0f}"
    subprocess.Popen(
        [sys.executable, "-m", "tests.support.broom", str(os.getpid()), mark],
        cwd=_CHECKOUT,
        env={name: value for name, value in os.environ.items() if name != MARK},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what interrupts the tests does not interrupt the broom
    ).returncode = 0  # nobody waits for it
    os.environ[MARK] = mark


def place_of_the_run() -> Path:
    """What is there goes with the run; each process of the run finds the same directory."""
    place = Path(tempfile.gettempdir()) / _name(os.environ[MARK])
    place.mkdir(mode=0o700, exist_ok=True)
    return place


def place_in_memory(prefix: str) -> Path:
    """A new directory that goes with the run, in a file system in memory if there is a roomy one.

    A database of PostgreSQL has 300 files, and ext4 takes its time to find numbers for new files among those
    of files that were just removed.
    """
    is_roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOMY
    mark = os.environ.get(MARK, "no-run")
    # Short, as a socket's path must be.
    return Path(
        tempfile.mkdtemp(prefix=f"{_name(mark)}-{prefix}-", dir=_MEMORY if is_roomy else None)
    )


def sweep(mark: str) -> None:
    """Ends the processes with this mark, and those that they start meanwhile; then its directories go."""
    while marked := [one for one in psutil.process_iter() if _mark_of(one) == mark]:
        for process in marked:
            _kill(process)
        psutil.wait_procs(marked, timeout=10)
    for parent in (Path(tempfile.gettempdir()), _MEMORY):
        for place in parent.glob(f"{_name(mark)}*"):
            shutil.rmtree(place, ignore_errors=True)


def _name(mark: str) -> str:
    return f"fairmind-tests-{mark}"


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _mark_of(process: psutil.Process) -> str | None:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None


if __name__ == "__main__":
    await_end_of(int(sys.argv[1]))
    sweep(sys.argv[2])
