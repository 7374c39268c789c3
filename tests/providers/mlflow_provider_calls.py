"""In the place of MLflow's calls and of a journal: what a provider asked, and what a test answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from fairmind_sync.errors import LeaseLostError
from fairmind_sync.outbox.unclean_attempts import Standing
from fairmind_sync.providers.base import Outcome
from fairmind_sync.providers.mlflow.provider import GRACE, MlflowProvider
from fairmind_sync.providers.mlflow.runs_api import (
    MlflowRefusedError,
    RunPlace,
    StoredRun,
)
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.settings import Settings
from tests.support.values import SAVED_AT, delivery

SETTINGS = Settings(
    provider="mlflow",
    mlflow_tracking_uri="http://ann:pw@h",
    mlflow_experiment_name="e",
    evidence="none",
)
THERE = "http://h experiment 7"
URL = "http://h/7/r"
KEY = "0" * 32
NO_RUN = MlflowRefusedError("RESOURCE_DOES_NOT_EXIST", "Run with id=r not found")


class Api:
    """In the place of MLflow's calls: notes each, and answers what a test gave for it, or raises it."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.answers = {
            "experiment_id": "7",
            "create_run": RunPlace("r", "s3://b"),
            "stored_run": StoredRun(artifact_uri="s3://b"),
            "run_url": URL,
            "unfinished_runs": [],
            "failed_runs": [],
            "deleted_runs": [],
        } | answers

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, **more: Any) -> Any:
            self.calls.append((name, *given, *more.items()))
            answer = self.answers.get(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def made(self, name: str) -> list[list[Any]]:
        return [given for called, *given in self.calls if called == name]

    def names(self) -> list[str]:
        return [name for name, *_ in self.calls]


@dataclass
class Notes:
    """A journal and a ledger that note what they are told."""

    told: list[tuple[str, Any]] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)
    is_retried: bool = False
    is_sendable: bool = True

    def creating(self, _delivery: Delivery, destination: str) -> None:
        self.told.append(("creating", destination))

    def not_created(self, one: Delivery) -> None:
        self.told.append(("not created", one.key))

    def created(self, _delivery: Delivery, run_id: str) -> None:
        self.told.append(("created", run_id))

    def progressed(self, one: Delivery) -> None:
        self.told.append(("progressed", one.key))

    def standing(self, key: str) -> Standing | None:
        return self.standings.get(key)

    def note_abandoned(self, key: str, run_id: str) -> bool:
        """A delivery that is retried at the same moment is `pending` in the answer, not in the standing."""
        if self.is_retried:
            return False
        self.standings[key] = replace(self.standings[key], run_id=run_id)
        return True

    def note_deleted(self, key: str) -> None:
        self.told.append(("deleted", key))

    def deliver_again(self, key: str, reason: str) -> bool:
        self.told.append((reason, key))
        return self.is_sendable


class Lost(Notes):
    """Another worker has the delivery meanwhile."""

    def created(self, _delivery: Delivery, _run_id: str) -> None:
        raise LeaseLostError


def provider(api: Api, **settings: Any) -> MlflowProvider:
    given: Any = api
    return MlflowProvider(given, SETTINGS.model_copy(update=settings))


def deliver(api: Api, one: Delivery, notes: Notes | None = None, **settings: Any) -> Outcome:
    reports = provider(api, **settings).deliver([one], notes or Notes(), lambda: True)
    (((_, outcome),),) = [*reports]
    return outcome


ATTEMPTED = replace(delivery(), create_attempted_at=SAVED_AT, claimed_at=SAVED_AT + GRACE)
KNOWN = replace(ATTEMPTED, run_id="r")


class Kept(dict[str, bytes]):
    """A store of files."""

    def store(self, _run: RunPlace, path: str, content: bytes) -> None:
        self[path] = content

    def read(self, _run: RunPlace, path: str) -> bytes:
        return self[path]
