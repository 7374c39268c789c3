"""A backlog that is owed to both providers, against the slower one of them alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from fairmind_sync.demo.tracking_server import free_port, tracking_server
from tests.benchmarks.measure import Row, in_turns, p50
from tests.benchmarks.mlflow_drain import DEFAULT_WORKERS
from tests.benchmarks.processes import wandb_server
from tests.benchmarks.warm import Warm, warm_daemon


def run(place: Path, *, runs: int = 500, rounds: int = 3) -> list[Row]:
    with (
        tracking_server(place, free_port(), DEFAULT_WORKERS) as uri,
        wandb_server(place) as env,
        warm_daemon(place / "ours", "both", {**env, "MLFLOW_TRACKING_URI": uri}) as ours,
    ):
        spent: dict[str, Counter[str]] = {name: Counter() for name in ("both", "mlflow", "wandb")}

        def deliver(to: str) -> None:
            with _cpu(ours, into=spent[to]):
                ours.deliver(runs, to)

        both, mlflow, wandb = in_turns(rounds, *(lambda _, to=to: deliver(to) for to in spent))
    slower, alone = max(("mlflow", p50(mlflow)), ("wandb", p50(wandb)), key=lambda one: one[1])
    note = f"{rounds} rounds of {runs}; " + "; ".join(
        f"CPU s a round, {to}: {_shares(cpu, rounds)}" for to, cpu in spent.items()
    )
    return [Row("both providers", f"{slower} alone", p50(both), alone, "s", 1.15, note=note)]


@contextmanager
def _cpu(ours: Warm, into: Counter[str]) -> Iterator[None]:
    """Adds the seconds that each process works during the block."""
    before = _seconds(ours)
    yield
    into.update(_seconds(ours) - before)


def _seconds(ours: Warm) -> Counter[str]:
    """Of all processes that we and the daemon started, and of those that these have outlived."""
    workers = {pid: f"worker {provider}" for pid, provider in ours.workers().items()}
    found: Counter[str] = Counter()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            name = workers.get(process.pid) or _name(process)
            times = process.cpu_times()
            found[name] += times.user + times.system  # type: ignore[assignment]  # counts may be fractions
            if name == "worker wandb":
                found["wandb-core"] += times.children_user + times.children_system  # type: ignore[assignment]
    return found


def _name(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    known = ("wandb-core", "fairmind_sync", "standins.wandb")
    return next((name for name in known if name in words), "MLflow server")


def _shares(cpu: Counter[str], rounds: int) -> str:
    return ", ".join(f"{name} {seconds / rounds:.1f}" for name, seconds in cpu.most_common())
