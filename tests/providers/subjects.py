"""The providers that the contract holds for, each with the service behind it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import httpx2

from fairmind_sync.errors import ProviderOfflineError
from fairmind_sync.outbox.unclean_attempts import Standing
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.providers.base import Dead, Retry
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.testing import FakeProvider
from tests.conftest import API_KEY
from tests.providers.transcript import Call, Transcript, carry_out, carry_out_elsewhere
from tests.standins.mlflow_proxy import MlflowProxy, mlflow_proxy
from tests.standins.wandb import Fault, StandInWandb, serve_wandb
from tests.support.mlflow_runs import runs_of
from tests.support.values import SAVED_AT, delivery

FIND_LOST_RUNS = {"FAIRMIND_SYNC_FIND_LOST_RUNS": "true"}


@dataclass(frozen=True)
class Held:
    """A run as its provider holds it; `value` is its metric 'accuracy'."""

    id: str
    is_finished: bool
    value: float | None


class Subject(Protocol):
    """A provider and what a test does to its service. Each subject begins with an empty service."""

    name: ProviderName

    def call(self, call: Call) -> Transcript:
        """Has a fresh worker make the call, or this process where the provider needs none."""

    def held(self) -> dict[str, list[Held]]:
        """The runs that aren't deleted, by delivery key."""

    def delete(self, key: str) -> None:
        """Deletes a delivery's run, as a user of the provider does."""

    def go_away(self) -> None:
        """From now on the service can't be reached."""

    def refuse_after(self, creates: int) -> None:
        """After so many runs the service takes no more."""

    def forget_silently(self) -> None:
        """From now on the service answers as if it took what it is sent, but confirms nothing."""

    def lose_a_reply(self) -> None:
        """The service makes the next run, and the reply is lost."""

    def be_well(self) -> None:
        """The service does as it should again."""


class FindingSubject(Subject, Protocol):
    """A subject that can look for runs whose database was lost."""

    def find_lost_runs(self) -> None:
        """From now on runs of the same content are looked for."""


def new_deliveries(name: ProviderName, values: Iterable[float]) -> list[Delivery]:
    """One for each value, which is its metric 'accuracy'."""
    return [
        replace(
            delivery(test_id=f"test-{number}", results={"accuracy": value}),
            id=number,
            provider=name,
            key=uuid4().hex,
        )
        for number, value in enumerate(values, start=1)
    ]


def redelivered(deliveries: Sequence[Delivery], before: Transcript) -> list[Delivery]:
    """As a later claim finds them: with what the journal was told, long after."""
    doubtful = {*before.keys("creating")} - {*before.keys("not_created")}
    return [
        replace(
            one,
            attempts=one.attempts + 1,
            create_attempted_at=one.claimed_at if one.key in doubtful else None,
            claimed_at=one.claimed_at + timedelta(minutes=5),
            run_id=before.run_ids().get(one.key),
        )
        for one in deliveries
    ]


def standings(seen: Transcript) -> dict[str, Standing]:
    """As the ledger knows what was delivered."""
    delivered = {key: outcome.run.id for key, outcome in seen.delivered()}
    return {key: Standing("delivered", run_id, SAVED_AT) for key, run_id in delivered.items()}


@dataclass
class FakeSubject:
    """The provider in memory, in this process."""

    name: ProviderName = "mlflow"
    provider: FakeProvider = field(default_factory=FakeProvider)

    def call(self, call: Call) -> Transcript:
        return carry_out(call, self.provider)

    def held(self) -> dict[str, list[Held]]:
        return {
            key: [Held(f"run-{key}", True, _number(one.result.results["accuracy"]))]
            for key, one in self.provider.runs.items()
        }

    def delete(self, key: str) -> None:
        del self.provider.runs[key]
        self.provider.script = [Dead(ErrorKind.RUN_DELETED, "the run was deleted")]

    def find_lost_runs(self) -> None:
        self.provider.finds_lost_runs = True

    def go_away(self) -> None:
        self.provider.unavailable = ProviderOfflineError("it is away")

    def refuse_after(self, creates: int) -> None:
        self.provider.script = [*[None] * creates, ProviderOfflineError("it went away")]

    def forget_silently(self) -> None:
        self.provider.script = [Retry(ErrorKind.UNCONFIRMED, "it confirms nothing")]

    def lose_a_reply(self) -> None:
        self.provider.script = [Retry(ErrorKind.UNCERTAIN, "the reply was lost")]

    def be_well(self) -> None:
        self.provider.unavailable = None
        self.provider.script = []


@dataclass
class MlflowSubject:
    """A real server behind a proxy that can disturb; an experiment of the subject's own."""

    proxy: MlflowProxy
    upstream: str
    place: Path
    name: ProviderName = "mlflow"
    experiment: str = field(default_factory=lambda: f"contract-{uuid4().hex}")
    more: dict[str, str] = field(default_factory=dict)

    def call(self, call: Call) -> Transcript:
        env = {"MLFLOW_TRACKING_URI": self.proxy.uri, "MLFLOW_EXPERIMENT_NAME": self.experiment}
        env |= self.more
        return carry_out_elsewhere(call, _env(self.name, self.place, env), self.place)

    def held(self) -> dict[str, list[Held]]:
        found: dict[str, list[Held]] = {}
        for run in runs_of(self.upstream, self.experiment, "ACTIVE_ONLY"):
            held = Held(run.id, run.status == "FINISHED", run.metrics.get("accuracy"))
            found.setdefault(run.tags["fairmind.delivery_key"], []).append(held)
        return found

    def delete(self, key: str) -> None:
        (run,) = self.held()[key]
        url = f"{self.upstream}/api/2.0/mlflow/runs/delete"
        httpx2.post(url, json={"run_id": run.id}, timeout=240).raise_for_status()

    def find_lost_runs(self) -> None:
        self.more = FIND_LOST_RUNS

    def go_away(self) -> None:
        self.proxy.stop()

    def refuse_after(self, creates: int) -> None:
        self.proxy.faults.replace([Fault("create", "status", status=503, skip=creates)])

    def forget_silently(self) -> None:
        self.proxy.faults.replace([Fault("update", "graphql_error")])  # JSON, of another kind

    def lose_a_reply(self) -> None:
        self.proxy.faults.replace([Fault("create", "drop_after", times=1)])

    def be_well(self) -> None:
        self.proxy.faults.replace([])


@dataclass
class WandbSubject:
    """The real SDK and wandb-core, against a stand-in of the service."""

    standin: StandInWandb
    place: Path
    name: ProviderName = "wandb"
    more: dict[str, str] = field(default_factory=dict)

    def call(self, call: Call) -> Transcript:
        env = {"WANDB_API_KEY": API_KEY, "WANDB_BASE_URL": self.standin.base_url, **self.more}
        return carry_out_elsewhere(call, _env(self.name, self.place, env), self.place)

    def held(self) -> dict[str, list[Held]]:
        return {
            run.id: [
                Held(
                    run.id,
                    run.state == "finished",
                    run.history[0]["accuracy"] if len(run.history) == 1 else None,
                )
            ]
            for run in self.standin.runs.values()
        }

    def delete(self, key: str) -> None:
        self.standin.store.delete(key)

    def find_lost_runs(self) -> None:
        self.more = FIND_LOST_RUNS

    def go_away(self) -> None:
        self.standin.stop()

    def refuse_after(self, creates: int) -> None:
        self.standin.store.refusal = (403, "permission denied")
        self.standin.store.runs_before_refusal = creates

    def forget_silently(self) -> None:
        self.standin.faults.replace([Fault("file_stream", "status", status=403)])

    def lose_a_reply(self) -> None:
        self.standin.faults.replace([Fault("upsert", "drop_after", times=1)])

    def be_well(self) -> None:
        self.standin.store.refusal = None
        self.standin.faults.replace([])


@contextmanager
def mlflow_subject(uri: str, place: Path) -> Iterator[MlflowSubject]:
    with mlflow_proxy(uri) as proxy:
        yield MlflowSubject(proxy, uri, place)


@contextmanager
def wandb_subject(place: Path) -> Iterator[WandbSubject]:
    with serve_wandb({API_KEY}) as standin:
        yield WandbSubject(standin, place)


def _env(name: ProviderName, place: Path, more: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the developer's."""
    own = {"PATH": os.environ["PATH"], "HOME": str(place), "TMPDIR": str(place)}
    return {**own, "MLOPS_PROVIDER": name, **more}


def _number(value: object) -> float:
    assert isinstance(value, float)
    return value
