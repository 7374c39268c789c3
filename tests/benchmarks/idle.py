"""What a daemon costs that has nothing to deliver: of a processor, of memory, of processes."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from tests.benchmarks.filled import filled
from tests.benchmarks.measure import Row
from tests.support.processes import running_daemon

_MB = 1e6


def run(
    place: Path, *, seconds: float = 60, settling: float = 15, delivered: int = 100_000
) -> list[Row]:
    return [
        *_idle(place, "an empty database", place / "empty.db", seconds, settling),
        *_idle(place, f"{delivered} delivered", _full(place, delivered), seconds, settling),
    ]


def _full(place: Path, delivered: int) -> Path:
    """Without the few that wait: nothing is to be done."""
    filled(place / "full.db", delivered, "delivered", waiting=0)
    return place / "full.db"


def _idle(place: Path, what: str, database: Path, seconds: float, settling: float) -> list[Row]:
    env = {
        "MLOPS_PROVIDER": "both",
        "WANDB_API_KEY": "0" * 40,
        "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{database}",
    }
    with running_daemon(env, place) as daemon:
        time.sleep(settling)
        parent = psutil.Process(daemon.process.pid)
        before, began = _cpu_seconds(parent), time.monotonic()
        time.sleep(seconds)
        used, took = _cpu_seconds(parent) - before, time.monotonic() - began
        memory = parent.memory_info().rss / _MB
        processes = 1 + len(parent.children(recursive=True))
    note = f"over {seconds:g} s"
    return [
        Row(f"processor, {what}", "one core", 100 * used / took, None, "%", 0.4, note=note),
        Row(f"memory of the daemon, {what}", "", memory, None, "MB", 72),
        Row(f"processes, {what}", "", processes, None, "", 1),
    ]


def _cpu_seconds(parent: psutil.Process) -> float:
    """Of the daemon and whatever it started, ended children included."""
    times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
    ended = times[0].children_user + times[0].children_system
    return sum(one.user + one.system for one in times) + float(ended)
