"""A backlog that is owed to both providers, against the slower one of them alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fairmind_sync.demo.tracking_server import tracking_server
from tests.benchmarks import cpu
from tests.benchmarks.measure import Row, in_turns, p50
from tests.benchmarks.mlflow_drain import DEFAULT_WORKERS
from tests.benchmarks.processes import wandb_server
from tests.benchmarks.warm import warm_daemon


def run(place: Path, *, runs: int = 500, rounds: int = 3) -> list[Row]:
    with (
        tracking_server(place, workers=DEFAULT_WORKERS) as uri,
        wandb_server(place) as env,
        warm_daemon(place / "ours", "both", {**env, "MLFLOW_TRACKING_URI": uri}) as ours,
    ):
        spent: dict[str, Counter[str]] = {name: Counter() for name in ("both", "mlflow", "wandb")}

        def deliver(to: str) -> None:
            with cpu.spent(ours, into=spent[to]):
                ours.deliver(runs, to)

        both, mlflow, wandb = in_turns(rounds, *(lambda _, to=to: deliver(to) for to in spent))
    slower, alone = max(("mlflow", p50(mlflow)), ("wandb", p50(wandb)), key=lambda one: one[1])
    note = f"{rounds} rounds of {runs}; " + "; ".join(
        f"CPU s a round, {to}: {cpu.shares(of, rounds)}" for to, of in spent.items()
    )
    return [Row("both providers", f"{slower} alone", p50(both), alone, "s", 1.2, note=note)]
