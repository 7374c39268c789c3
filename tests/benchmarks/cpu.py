"""The seconds that a benchmark's processes work, by what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psutil

from tests.benchmarks.warm import Warm

_KNOWN = {
    "wandb-core": "wandb-core",
    "fairmind_sync": "daemon",
    "standins.wandb": "standins.wandb",
    "benchmarks.peers": "peers",
    "postgres": "PostgreSQL",
}
_OUTLIVED = {"worker wandb": "wandb-core", "PostgreSQL": "PostgreSQL"}
"""As what those count that a process has outlived."""


@contextmanager
def spent(ours: Warm, into: Counter[str]) -> Iterator[None]:
    """Adds the seconds that each process works during the block."""
    workers = {pid: f"worker {provider}" for pid, provider in ours.workers().items()}
    before = seconds(workers)
    yield
    workers |= {pid: f"worker {provider}" for pid, provider in ours.workers().items()}
    into.update(seconds(workers) - before)


def seconds(workers: Mapping[int, str]) -> Counter[str]:
    """Of all processes that we and the daemon started, and of those that these have outlived."""
    found: Counter[str] = Counter()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            name = workers.get(process.pid) or _name(process)
            times = process.cpu_times()
            found[name] += times.user + times.system  # type: ignore[assignment]  # counts may be fractions
            if name in _OUTLIVED:
                found[_OUTLIVED[name]] += times.children_user + times.children_system  # type: ignore[assignment]
    return found


def shares(seconds: Counter[str], rounds: int) -> str:
    """Of one round."""
    return ", ".join(f"{name} {total / rounds:.1f}" for name, total in seconds.most_common())


def _name(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    return next((name for word, name in _KNOWN.items() if word in words), "MLflow server")
