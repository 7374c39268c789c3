"""MLflow's calls, each answered by the simulator's model or by a real server behind a proxy that can disturb."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, cast
from uuid import uuid4

import httpx2

from fairmind_sync.providers.mlflow.http_runs import open_server
from fairmind_sync.providers.mlflow.runs_api import RunsApi
from tests.simulation import faults as simulated
from tests.simulation.mlflow_service import MlflowModelApi, MlflowService
from tests.simulation.single_calls import SingleCalls
from tests.standins import faults
from tests.standins.mlflow_proxy import MlflowProxy

TAG = "fairmind.delivery_key"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_FOR_EVER = 10.0**9
RETRY_AFTER_S = 30.0
_AT_THE_PROXY = {"log": "log_batch", "finish": "update", "fail": "update"} | dict.fromkeys(
    ("find", "unfinished", "deleted"), "search"
)
_LOST: dict[str, faults.Action] = {"lost": "drop_before", "no_reply": "drop_after"}


class Bench(Protocol):
    """`api` asks within the experiment; a fault strikes the next request of its kind.

    Requests are called as the model calls them.
    """

    api: RunsApi
    experiment: str

    def strike(self, request: str, effect: str) -> None: ...

    def be_well(self) -> None: ...

    def go_away(self) -> None: ...

    def points(self, run_id: str, key: str) -> list[tuple[float, int]]:
        """Values and timestamps of a metric's points."""


class _InTime:
    """Calls of the model, each in a fresh process, in virtual time."""

    def __init__(self, calls: SingleCalls, service: MlflowService) -> None:
        self._calls = calls
        self._service = service

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            return self._calls.carry_out(
                lambda process: getattr(
                    MlflowModelApi(self._calls.wire(process, self._service), self._service), name
                )(*arguments)
            )

        return call


class ModelBench:
    def __init__(self) -> None:
        self._calls = SingleCalls()
        self._service = MlflowService(self._calls.world, "mlflow")
        self.api = cast("RunsApi", _InTime(self._calls, self._service))
        self.experiment = self.api.experiment_id("any")

    def strike(self, request: str, effect: str) -> None:
        seconds = RETRY_AFTER_S if effect in ("429", "503") else 0.0
        self._calls.strike(simulated.Fault(f"mlflow {request}", 1, effect, seconds))

    def be_well(self) -> None:
        self._calls.strike()

    def go_away(self) -> None:
        self._service.away_until = _FOR_EVER

    def points(self, run_id: str, key: str) -> list[tuple[float, int]]:
        held = self._service.runs[run_id].points
        return sorted((one.value, one.timestamp_ms) for one in held if one.key == key)


class ServerBench:
    def __init__(self, proxy: MlflowProxy) -> None:
        self._proxy = proxy
        self.api: RunsApi = open_server(proxy.uri)
        self.experiment = self.api.experiment_id(f"bench-{uuid4().hex}")

    def strike(self, request: str, effect: str) -> None:
        kind = _AT_THE_PROXY.get(request, request)
        rule = faults.Fault(kind, _LOST.get(effect, "status"), times=1)
        if effect.isdecimal():
            rule.status = int(effect)
            rule.retry_after = RETRY_AFTER_S
        self._proxy.faults.replace([rule])

    def be_well(self) -> None:
        self._proxy.faults.replace([])

    def go_away(self) -> None:
        self._proxy.stop()

    def points(self, run_id: str, key: str) -> list[tuple[float, int]]:
        url = f"{self._proxy.uri}/api/2.0/mlflow/metrics/get-history"
        wanted = {"run_id": run_id, "metric_key": key}
        reply = httpx2.get(url, params=wanted, timeout=240).raise_for_status().json()
        return sorted(
            (float(one["value"]), int(one["timestamp"])) for one in reply.get("metrics", [])
        )
