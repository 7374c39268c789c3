"""One soak: servers, storm, daemons, kills, and the verdict."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairmind_sync import bias_test_results, lookup, schema
from fairmind_sync.database import reading
from fairmind_sync.demo.tracking_server import free_port, tracking_server
from fairmind_sync.lookup import DeliveryRecord, RunFilter
from fairmind_sync.settings import Settings
from tests.conftest import API_KEY
from tests.mlflow_reader import runs_of
from tests.processes import command
from tests.soak.killer import Fleet
from tests.soak.oracle import Verdict, in_mlflow, in_wandb, judge
from tests.soak.storm import storm
from tests.standins.mlflow_proxy import MlflowProxy, mlflow_proxy
from tests.standins.wandb import StandInWandb, serve_wandb

EXPERIMENT = "soak"
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


@dataclass(frozen=True)
class Stage:
    """What a soak plays on."""

    plan: Plan
    place: Path
    mlflow_uri: str
    proxy: MlflowProxy
    wandb: StandInWandb

    @property
    def env(self) -> dict[str, str]:
        return {
            "MLOPS_PROVIDER": "both",
            "WANDB_API_KEY": API_KEY,
            "WANDB_BASE_URL": self.wandb.base_url,
            "MLFLOW_TRACKING_URI": self.proxy.uri,
            "MLFLOW_EXPERIMENT_NAME": EXPERIMENT,
            "FAIRMIND_SYNC_DATABASE_URL": self.database_url,
            "FAIRMIND_SYNC_MAX_ATTEMPTS": "1000",
            "TMPDIR": str(self.place),
            **self.plan.env,
        }

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.place / 'soak.db'}"

    def records(self, **wanted: Any) -> list[DeliveryRecord]:
        with reading(schema.ready_engine(self.database_url)) as connection:
            return lookup.deliveries(connection, RunFilter(**wanted))

    def left(self) -> dict[str, int]:
        with reading(schema.ready_engine(self.database_url)) as connection:
            return lookup.unfinished(connection, ("wandb", "mlflow"))


def run(plan: Plan, place: Path, *, tell: bool = False) -> Report:
    """Ends when all is delivered or the time is up, then sweeps and judges."""
    started = time.monotonic()
    with _stage(plan, place) as stage:
        settings = Settings(provider="both", database_url=stage.database_url)
        schema.ready_engine(stage.database_url)
        stage.proxy.faults.replace(storm(plan.disturbed, plan.seed))
        stage.wandb.faults.replace(storm(plan.disturbed, plan.seed + 1))
        saver = threading.Thread(target=_save, args=(plan, settings))
        saver.start()
        kills = _rage(stage, started, saver, tell=tell)
        saver.join()
        disturbed = {"mlflow": stage.proxy.faults.struck, "wandb": stage.wandb.faults.struck}
        stage.proxy.faults.replace([])
        stage.wandb.faults.replace([])
        command("drain", env=stage.env, check=False)
        return _report(stage, kills, disturbed, time.monotonic() - started)


@contextmanager
def _stage(plan: Plan, place: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        uri = stack.enter_context(tracking_server(place, free_port()))
        proxy = stack.enter_context(mlflow_proxy(uri))
        wandb = stack.enter_context(serve_wandb({API_KEY}))
        yield Stage(plan, place, uri, proxy, wandb)


def _save(plan: Plan, settings: Settings) -> None:
    """Bit by bit, while the daemons work and die."""
    for first in range(0, plan.deliveries, CHUNK):
        bias_test_results.save_all(
            [
                bias_test_results.prepare(
                    test_id=f"soak-{number}",
                    user_id=None,
                    model_id=f"model-{number % 7}",
                    dataset_id=None,
                    test_type="ml_bias",
                    results={"accuracy": number / 7, "groups": {"a": number}},
                    metadata={"n": number},
                )
                for number in range(first, min(first + CHUNK, plan.deliveries))
            ],
            settings,
        )


def _rage(stage: Stage, started: float, saver: threading.Thread, *, tell: bool) -> Counter[str]:
    """Kills at random, in step with what is delivered, until nothing is left to deliver."""
    plan = stage.plan
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


def _report(stage: Stage, kills: Counter[str], disturbed: dict[str, int], seconds: float) -> Report:
    saved = {f"soak-{number}" for number in range(stage.plan.deliveries)}
    found = {
        "mlflow": in_mlflow(runs_of(stage.mlflow_uri, EXPERIMENT, "ACTIVE_ONLY")),
        "wandb": in_wandb(stage.wandb.runs.values()),
    }
    records = {provider: stage.records(provider=provider) for provider in found}
    with reading(schema.ready_engine(stage.database_url)) as connection:
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
