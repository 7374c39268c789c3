"""One soak: servers, storm, daemons, kills, and the verdict."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from fairmind_sync.errors import StorageError
from fairmind_sync.outbox import workload
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.storage.engine import reading
from tests.support.evidence_held import Files, at_mlflow, at_wandb, made
from tests.support.mlflow_runs import runs_of
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.processes import command
from tests.support.stage import EXPERIMENT, Stage, open_stage
from tests.system.soak.killer import Fleet
from tests.system.soak.oracle import Verdict, in_mlflow, in_wandb, judge
from tests.system.soak.storm import storm

CHUNK = 20
_READERS = 4
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Plan:
    """How much of everything; `deliveries` is to each provider."""

    deliveries: int
    kills: int
    disturbed: float
    daemons: int
    seconds: float
    seed: int
    database: Literal["sqlite", "postgresql"] = "sqlite"
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
    env = {"FAIRMIND_SYNC_MAX_ATTEMPTS": "1000", **plan.env}
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server()) if plan.database == "postgresql" else None
        url = server.url(server.new_database_of_today()) if server else None
        on = stack.enter_context(open_stage(place, env, database_url=url))
        on.proxy.faults.replace(storm(plan.disturbed, plan.seed))
        on.wandb.faults.replace(storm(plan.disturbed, plan.seed + 1))
        saver = threading.Thread(target=_save, args=(on, plan.deliveries))
        saver.start()
        kills = _rage(on, plan, started, saver, server, tell=tell)
        saver.join()
        disturbed = {"mlflow": on.proxy.faults.struck, "wandb": on.wandb.faults.struck}
        on.proxy.faults.replace([])
        on.wandb.faults.replace([])
        command("drain", env=on.env, check=False)
        command("evidence", "--retry", env=on.env)
        command("drain", env=on.env, check=False)
        return _report(on, plan, kills, disturbed, time.monotonic() - started)


def _save(stage: Stage, count: int) -> None:
    """Bit by bit, while the daemons work and die."""
    for first in range(0, count, CHUNK):
        numbers = range(first, min(first + CHUNK, count))
        _insist(lambda: stage.save(numbers))  # noqa: B023 it is called at once


def _insist(work: Callable[[], Answer]) -> Answer:
    """As often as the database's server was killed in the middle; a save may be repeated."""
    while True:
        try:
            return work()
        except StorageError:
            time.sleep(0.1)


def _rage(
    stage: Stage,
    plan: Plan,
    started: float,
    saver: threading.Thread,
    server: PostgresServer | None,
    *,
    tell: bool,
) -> Counter[str]:
    """Kills at random, in step with what is delivered, until nothing is left to deliver."""
    chance = random.Random(plan.seed)
    fleet = Fleet(plan.daemons, stage.env, stage.place, plan.seed, server)
    pause = threading.Event()
    try:
        while time.monotonic() < started + plan.seconds:
            pause.wait(chance.uniform(0.3, 2.5))
            left = _insist(stage.left)
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
    evidence = {
        "mlflow": _evidence_at_mlflow(stage, [one.run_id for one in found["mlflow"]]),
        "wandb": {one.run_id: at_wandb(stage.wandb, one.run_id) for one in found["wandb"]},
    }
    expected = made(stage.engine)
    return Report(
        verdicts={
            name: judge(saved, found[name], records[name], evidence[name], expected)
            for name in found
        },
        kills=dict(kills),
        requests={
            "mlflow": stage.proxy.requests.total(),
            "wandb": stage.wandb.store.requests.total(),
        },
        disturbed=disturbed,
        attempts={name: sum(one.attempts for one in records[name]) for name in records},
        seconds=round(seconds, 1),
        integrity=_integrity(stage),
    )


def _evidence_at_mlflow(stage: Stage, run_ids: list[str]) -> dict[str, Files]:
    with ThreadPoolExecutor(_READERS) as readers:
        held = readers.map(lambda run_id: at_mlflow(stage.mlflow_uri, run_id), run_ids)
        return dict(zip(run_ids, held, strict=True))


def _integrity(stage: Stage) -> str:
    """Of the file, and of the counts that triggers keep."""
    with reading(stage.engine) as connection:
        for provider in PROVIDERS:
            counted = workload.backlog(connection, provider).counts
            there = Counter(one.status for one in stage.records(provider=provider))
            if counted != {status: there[status] for status in counted}:
                return f"{provider}: counted {counted}, there are {dict(there)}"
        if stage.engine.dialect.name != "sqlite":
            return "ok"
        return str(connection.exec_driver_sql("PRAGMA integrity_check").scalar())
