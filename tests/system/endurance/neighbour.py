"""`python -m tests.system.endurance.neighbour`: does MLflow's delivery notice that W&B is blocked?

Rounds with W&B ready and rounds with W&B blocked, and results waiting for it, take turns on one daemon, so
that what else the machine does strikes both alike. Prints the latency from save to record of both kinds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import select

from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import outbox_table, results_table
from tests.standins.faults import Fault
from tests.support.processes import command, eventually, running_daemon
from tests.support.stage import Stage, open_stage

WAITING = 50
"""Results that wait for W&B while it is blocked."""


@dataclass(frozen=True)
class Latency:
    """Of MLflow's deliveries, in ms."""

    count: int
    p50: float
    p95: float


@dataclass(frozen=True)
class Report:
    ready: Latency
    blocked: Latency
    p95_ratio: float


def run(rounds: int, results: int, place: Path) -> Report:
    """`results` are saved in each round, one after the other, each as soon as the last is delivered."""
    seconds: dict[str, list[float]] = {"ready": [], "blocked": []}
    numbers = count()
    with open_stage(place) as stage, running_daemon(stage.env, place):
        _deliver(stage, next(numbers))  # the worker is warm from here on
        for turn in range(2 * rounds):
            state = ("ready", "blocked")[turn % 2]
            _put_wandb_into(stage, state, numbers)
            seconds[state] += [_deliver(stage, next(numbers)) for _ in range(results)]
    ready, blocked = (_summary(seconds[state]) for state in ("ready", "blocked"))
    return Report(ready, blocked, round(blocked.p95 / ready.p95, 3))


def _put_wandb_into(stage: Stage, state: str, numbers: Iterator[int]) -> None:
    if state == "blocked":
        stage.wandb.faults.replace([Fault("viewer", "status", status=403)])
        first = next(numbers)
        stage.save(range(-first - WAITING, -first), "wandb")
    else:
        stage.wandb.faults.replace([])
        command("resume", "wandb", env=stage.env)
    eventually(lambda: _state_of_wandb(stage) == state, 60)
    eventually(lambda: state == "blocked" or not stage.left(), 60)


def _state_of_wandb(stage: Stage) -> str:
    status = json.loads(command("status", "--json", env=stage.env, check=False).stdout)
    return str(status["providers"]["wandb"]["state"])


def _deliver(stage: Stage, number: int) -> float:
    """Seconds from the save of a result to the record of its run at MLflow."""
    stage.save(range(number, number + 1), "mlflow")
    took = (
        select(results_table.c.created_at, outbox_table.c.finished_at)
        .join_from(outbox_table, results_table)
        .where(results_table.c.test_id == f"test-{number}", outbox_table.c.status == "delivered")
    )

    def finished() -> float | None:
        with reading(stage.engine) as connection:
            row = connection.execute(took).one_or_none()
        return (row.finished_at - row.created_at).total_seconds() if row else None

    return eventually(finished, 60)


def _summary(seconds: list[float]) -> Latency:
    return Latency(
        len(seconds),
        round(median(seconds) * 1000, 1),
        round(quantiles(seconds, n=20, method="inclusive")[-1] * 1000, 1),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="of each kind")
    parser.add_argument("--results", type=int, default=100, help="a round")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        report = run(given.rounds, given.results, Path(place))
    print(json.dumps(asdict(report), indent=2))  # noqa: T201 that is what it is for


if __name__ == "__main__":
    main()
