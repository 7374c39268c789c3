"""The simulator's models of both services as subjects of the contract: the product's providers over them.

Nothing waits for real: each call runs in virtual time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from greenlet import getcurrent

from fairmind_sync.provider_names import ProviderName
from fairmind_sync.providers.base import Provider
from fairmind_sync.providers.mlflow.provider import MlflowProvider
from fairmind_sync.providers.wandb.provider import WandbProvider
from fairmind_sync.settings import Settings
from tests.providers.subjects import Held
from tests.providers.transcript import Call, Transcript, carry_out
from tests.simulation.faults import Fault
from tests.simulation.mlflow_service import MlflowModelApi, MlflowService
from tests.simulation.single_calls import SingleCalls, each
from tests.simulation.waiting import threads_of
from tests.simulation.wandb_service import WandbModelSdk, WandbService
from tests.simulation.world import Process

_FOR_EVER = 10.0**9


def _strand() -> int:
    """All strands are of one thread of the system."""
    return id(getcurrent())


def _called(calls: SingleCalls, call: Call, opened: Callable[[Process], Provider]) -> Transcript:
    return calls.carry_out(lambda process: carry_out(call, opened(process), _strand))


@dataclass
class MlflowModelSubject:
    """The product's provider over the model of an MLflow server."""

    name: ProviderName = "mlflow"
    calls: SingleCalls = field(default_factory=SingleCalls)

    def __post_init__(self) -> None:
        self.service = MlflowService(self.calls.world, "mlflow")

    def call(self, call: Call) -> Transcript:
        return _called(self.calls, call, self._opened)

    def _opened(self, process: Process) -> Provider:
        api: Any = MlflowModelApi(self.calls.wire(process, self.service), self.service)
        settings = Settings(provider="mlflow", evidence="none")
        return MlflowProvider(api, settings, threads_of(process))

    def held(self) -> dict[str, list[Held]]:
        found: dict[str, list[Held]] = {}
        for run in self.service.runs.values():
            if not run.is_deleted:
                held = Held(run.id, run.status == "FINISHED", run.value)
                found.setdefault(run.key, []).append(held)
        return found

    def delete(self, key: str) -> None:
        (run,) = self.held()[key]
        self.service.delete(run.id)

    def go_away(self) -> None:
        self.service.away_until = _FOR_EVER

    def refuse_after(self, creates: int) -> None:
        self.calls.strike(*each("mlflow create", "503", first=creates + 1))

    def forget_silently(self) -> None:
        self.calls.strike(*each("mlflow finish", "no_reply"))

    def lose_a_reply(self) -> None:
        self.calls.strike(Fault("mlflow create", 1, "no_reply"))

    def be_well(self) -> None:
        self.calls.strike()


@dataclass
class WandbModelSubject:
    """The product's provider over the model of W&B and its SDK."""

    name: ProviderName = "wandb"
    calls: SingleCalls = field(default_factory=SingleCalls)

    def __post_init__(self) -> None:
        self.service = WandbService(self.calls.world, "wandb", lag=0.1)

    def call(self, call: Call) -> Transcript:
        return _called(self.calls, call, self._opened)

    def _opened(self, process: Process) -> Provider:
        sdk: Any = WandbModelSdk(self.calls.wire(process, self.service), self.service)
        settings = Settings(provider="wandb", evidence="none")
        return WandbProvider(sdk, settings, threads_of(process), process.sleep)

    def held(self) -> dict[str, list[Held]]:
        return {
            run.id: [
                Held(run.id, run.state == "finished", run.value if run.history_lines == 1 else None)
            ]
            for run in self.service.runs.values()
            if not run.is_deleted
        }

    def delete(self, key: str) -> None:
        self.service.delete(key)

    def go_away(self) -> None:
        self.service.away_until = _FOR_EVER

    def refuse_after(self, creates: int) -> None:
        self.calls.strike(*each("wandb upsert", "403", first=creates + 1))

    def forget_silently(self) -> None:
        self.calls.strike(*each("wandb stream", "403"))

    def lose_a_reply(self) -> None:
        self.calls.strike(Fault("wandb upsert", 1, "no_reply"))

    def be_well(self) -> None:
        self.calls.strike()
