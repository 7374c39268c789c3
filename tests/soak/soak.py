"""One soak: servers, storm, daemons, kills, and the verdict."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fairmind_sync.database import reading
from tests.mlflow_reader import runs_of
from tests.processes import command
from tests.soak.killer import Fleet
from tests.soak.oracle import Verdict, in_mlflow, in_wandb, judge
from tests.soak.storm import storm
from tests.stage import EXPERIMENT, Stage, open_stage

CHUNK = 20


@dataclass(frozen=True)
class Plan:
    """How much of everything; `deliveries` is to each provider."""

    deliveries: int
    kills: int
    disturbed: float
    daemons: int
    seconds: float
    seed: int
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    verdicts: dict[str, Verdict]
    kills: dict[str, int]
    requests: dict[str, int]
    disturbed: dict[str, int]
    attempts: dict[str, int]
    seconds: float
    integrity: str

    @property
    def is_clean(self) -> bool:
        return self.integrity == "ok" and all(one.is_clean for one in self.verdicts.values())


def run(plan: Plan, place: Path, *, tell: bool = False) -> Report:
    """Ends when all is delivered or the time is up, then sweeps and judges."""
    started = time.monotonic()
    with open_stage(place, {"FAIRMIND_SYNC_MAX_ATTEMPTS": "1000", **plan.env}) as on:
        on.proxy.faults.replace(storm(plan.disturbed, plan.seed))
        on.wandb.faults.replace(storm(plan.disturbed, plan.seed + 1))
        saver = threading.Thread(target=_save, args=(on, plan.deliveries))
        saver.start()
        kills = _rage(on, plan, started, saver, tell=tell)
        saver.join()
        disturbed = {"mlflow": on.proxy.faults.struck, "wandb": on.wandb.faults.struck}
        on.proxy.faults.replace([])
        on.wandb.faults.replace([])
        command("drain", env=on.env, check=False)
        return _report(on, plan, kills, disturbed, time.monotonic() - started)


def _save(stage: Stage, count: int) -> None:
    """Bit by bit, while the daemons work and die."""
    for first in range(0, count, CHUNK):
        stage.save(range(first, min(first + CHUNK, count)))


def _rage(
    stage: Stage, plan: Plan, started: float, saver: threading.Thread, *, tell: bool
) -> Counter[str]:
    """Kills at random, in step with what is delivered, until nothing is left to deliver."""
    chance = random.Random(plan.seed)
    fleet = Fleet(plan.daemons, stage.env, stage.place, plan.seed)
    pause = threading.Event()
    try:
        while time.monotonic() < started + plan.seconds:
            pause.wait(chance.uniform(0.3, 2.5))
            left = stage.left()
            if not left and not saver.is_alive():
                break
            if fleet.kills.total() <= plan.kills * _done(plan, left):
                fleet.strike()
            fleet.revive()
            if tell:
                _tell(started, left, fleet)
    finally:
        fleet.stop()
    return fleet.kills


def _done(plan: Plan, left: dict[str, int]) -> float:
    """The share of the deliveries that are done."""
    return 1 - sum(left.values()) / (2 * plan.deliveries)


def _tell(started: float, left: dict[str, int], fleet: Fleet) -> None:
    print(f"{time.monotonic() - started:6.0f} s  {left}  {dict(fleet.kills)}", flush=True)  # noqa: T201


def _report(
    stage: Stage, plan: Plan, kills: Counter[str], disturbed: dict[str, int], seconds: float
) -> Report:
    saved = {f"test-{number}" for number in range(plan.deliveries)}
    found = {
        "mlflow": in_mlflow(runs_of(stage.mlflow_uri, EXPERIMENT, "ACTIVE_ONLY")),
        "wandb": in_wandb(stage.wandb.runs.values()),
    }
    records = {provider: stage.records(provider=provider) for provider in found}
    with reading(stage.engine) as connection:
        integrity = str(connection.exec_driver_sql("PRAGMA integrity_check").scalar())
    return Report(
        verdicts={name: judge(saved, found[name], records[name]) for name in found},
        kills=dict(kills),
        requests={
            "mlflow": stage.proxy.requests.total(),
            "wandb": stage.wandb.store.requests.total(),
        },
        disturbed=disturbed,
        attempts={name: sum(one.attempts for one in records[name]) for name in records},
        seconds=round(seconds, 1),
        integrity=integrity,
    )
