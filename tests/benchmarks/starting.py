"""What a job that starts one command pays: the processor time of whole processes, their children included."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import TypeAlias

from fairmind_sync.demo.tracking_server import tracking_server
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.settings import Settings
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import outbox_table
from tests.benchmarks.content import METRICS, PARAMS, results
from tests.benchmarks.measure import Row
from tests.benchmarks.processes import wandb_server
from tests.support.deliveries import save_with
from tests.support.processes import COMMAND

Env: TypeAlias = Mapping[str, str]

_MLFLOW = """
import mlflow, os
mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
mlflow.set_experiment("fluent")
with mlflow.start_run():
    mlflow.log_params({params})
    mlflow.log_metrics({metrics})
"""
_WANDB = """
import wandb
run = wandb.init(project="plain", config={params})
run.log({metrics})
run.finish()
"""
_SQLALCHEMY = [sys.executable, "-c", "import sqlalchemy"]


def run(place: Path, *, rounds: int = 7) -> list[Row]:
    with tracking_server(place, workers=1) as uri, wandb_server(place) as wandb:
        to_mlflow = _Drain(place, "mlflow", {"MLFLOW_TRACKING_URI": uri})
        to_wandb = _Drain(
            place, "wandb", {**wandb, "WANDB_SILENT": "true", "WANDB_DIR": str(place)}
        )
        return [
            _of_one(to_mlflow, _MLFLOW, "its fluent API's shortest script", 0.5, rounds),
            _of_one(to_wandb, _WANDB, "init, log, finish", 1.0, rounds),
            *_of_nothing(to_mlflow, rounds),
        ]


class _Drain:
    """The command line over a database of its own, from which everything is delivered to one provider."""

    def __init__(self, place: Path, provider: ProviderName, env: Env) -> None:
        self.place = place / provider
        self.place.mkdir()
        url = f"sqlite:///{self.place / 'ours.db'}"
        self.settings = Settings(provider=provider, database_url=url)
        self.env: dict[str, str] = {
            **os.environ,
            "MLOPS_PROVIDER": provider,
            "FAIRMIND_SYNC_DATABASE_URL": url,
            "FAIRMIND_SYNC_EVIDENCE": "none",  # as the peers send none
            "HOME": str(self.place),
            "TMPDIR": str(self.place),
            **env,
        }
        self._number = 0
        self.of_one()

    def of_one(self) -> float:
        """Saves a result, and returns the seconds that its drain works."""
        save_with(self.settings, results([self._number], self.settings))
        self._number += 1
        return self.verb("drain")

    def verb(self, *words: str) -> float:
        return cpu_seconds([*COMMAND, *words], self.env, self.place)

    def a_run(self) -> str:
        with reading(schema.ready_engine(self.settings.database_url)) as connection:
            return str(connection.execute(outbox_table.select()).first().run_id)  # type: ignore[union-attr]


def cpu_seconds(command: list[str], env: Env, place: Path) -> float:
    """The seconds that the command and its children work, in user and kernel mode."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(command, env=env, cwd=place, capture_output=True, check=False)
    assert ended.returncode == 0, ended
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _of_one(drain: _Drain, script: str, against: str, goal: float, rounds: int) -> Row:
    text = script.format(params=json.dumps(PARAMS), metrics=json.dumps(METRICS))
    theirs = [sys.executable, "-c", text]
    cpu_seconds(theirs, drain.env, drain.place)
    mine, plain = _in_turns(
        rounds, drain.of_one, lambda: cpu_seconds(theirs, drain.env, drain.place)
    )
    what = f"drain of one to {drain.settings.provider}, whole process"
    return Row(what, against, mine, plain, "CPU s", goal, note=f"median of {rounds}")


def _of_nothing(drain: _Drain, rounds: int) -> list[Row]:
    verbs = {
        "drain of none": (("drain",), 2.2),
        "url": (("url", "mlflow", drain.a_run()), 1.5),
        "runs": (("runs",), 1.5),
        "status": (("status",), 1.5),
    }
    *ours, sqlalchemy = _in_turns(
        rounds,
        *(lambda words=words: drain.verb(*words) for words, _ in verbs.values()),
        lambda: cpu_seconds(_SQLALCHEMY, drain.env, drain.place),
    )
    return [
        Row(what, "import sqlalchemy", mine, sqlalchemy, "CPU s", goal, note=f"median of {rounds}")
        for (what, (_, goal)), mine in zip(verbs.items(), ours, strict=True)
    ]


def _in_turns(rounds: int, *ways: Callable[[], float]) -> list[float]:
    """The median of what each way returns; the ways take turns."""
    found = [[way() for way in ways] for _ in range(rounds)]
    return [median(of_one) for of_one in zip(*found, strict=True)]
