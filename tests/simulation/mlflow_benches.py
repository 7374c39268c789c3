"""MLflow's calls, answered by the simulator's model, or by a real server behind a proxy that can disturb."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeAlias, cast
from uuid import uuid4

import httpx2

from fairmind_sync.providers.mlflow.http_runs import open_server
from fairmind_sync.providers.mlflow.runs_api import DatasetInput, MetricPoint, RunsApi
from tests.simulation import faults as simulated
from tests.simulation.mlflow_service import MlflowModelApi, MlflowService
from tests.simulation.single_calls import SingleCalls, each
from tests.simulation.world import Process
from tests.standins import faults
from tests.standins.mlflow_proxy import MlflowProxy

TAG = "fairmind.delivery_key"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_FOR_EVER = 10.0**9
RETRY_AFTER_S = 30.0
FORBIDDEN = "403"
"""A single one that isn't MLflow's own may be a disturbance: some requests are repeated, then."""
_AT_THE_PROXY = {"log": "log_batch", "finish": "update", "fail": "update"} | dict.fromkeys(
    ("find", "unfinished", "failed", "deleted"), "search"
)
_LOST: dict[str, faults.Action] = {"lost": "drop_before", "no_reply": "drop_after"}


class Bench(Protocol):
    """`api` asks within the experiment; a fault strikes the next request of its kind, a 403 each one.

    Requests are called as the model calls them.
    """

    api: RunsApi
    name: str
    experiment: str

    def strike(self, request: str, effect: str) -> None: ...

    def be_well(self) -> None: ...

    def go_away(self) -> None: ...

    def points(self, run_id: str, key: str) -> list[tuple[float, int]]:
        """Values and timestamps of a metric's points."""

    def datasets(self, run_id: str) -> list[tuple[str, str]]:
        """Names and digests of the run's inputs."""


class _InTime:
    """Calls of the model, each in a fresh process, in virtual time."""

    def __init__(self, calls: SingleCalls, service: MlflowService, of: str = "") -> None:
        self._calls = calls
        self._service = service
        self._of = of

    @property
    def artifacts(self) -> _InTime:
        return _InTime(self._calls, self._service, "artifacts")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            return self._calls.carry_out(
                lambda process: getattr(self._asked(process), name)(*arguments)
            )

        return call

    def _asked(self, process: Process) -> Any:
        api = MlflowModelApi(self._calls.wire(process, self._service), self._service)
        return getattr(api, self._of) if self._of else api


class ModelBench:
    def __init__(self) -> None:
        self._calls = SingleCalls()
        self._service = MlflowService(self._calls.world, "mlflow")
        self.api = cast("RunsApi", _InTime(self._calls, self._service))
        self.name = "any"
        self.experiment = self.api.experiment_id(self.name)

    def strike(self, request: str, effect: str) -> None:
        seconds = RETRY_AFTER_S if effect in ("429", "503") else 0.0
        at = f"mlflow {request}"
        once = [simulated.Fault(at, 1, effect, seconds)]
        self._calls.strike(*(each(at, effect) if effect == FORBIDDEN else once))

    def be_well(self) -> None:
        self._calls.strike()

    def go_away(self) -> None:
        self._service.away_until = _FOR_EVER

    def points(self, run_id: str, key: str) -> list[tuple[float, int]]:
        held = self._service.runs[run_id].points
        return sorted((one.value, one.timestamp_ms) for one in held if one.key == key)

    def datasets(self, run_id: str) -> list[tuple[str, str]]:
        return sorted((one.name, one.digest) for one in self._service.runs[run_id].inputs)


class ServerBench:
    def __init__(self, proxy: MlflowProxy) -> None:
        self._proxy = proxy
        self.api: RunsApi = open_server(proxy.uri)
        self.name = f"bench-{uuid4().hex}"
        self.experiment = self.api.experiment_id(self.name)

    def strike(self, request: str, effect: str) -> None:
        kind = _AT_THE_PROXY.get(request, request)
        times = None if effect == FORBIDDEN else 1
        rule = faults.Fault(kind, _LOST.get(effect, "status"), times=times)
        if effect.isdecimal():
            rule.status = int(effect)
            rule.retry_after = RETRY_AFTER_S
        self._proxy.faults.replace([rule])

    def be_well(self) -> None:
        self._proxy.faults.replace([])

    def go_away(self) -> None:
        self._proxy.stop()

    def points(self, run_id: str, key: str) -> list[tuple[float, int]]:
        reply = self._got("metrics/get-history", run_id=run_id, metric_key=key)
        return sorted(
            (float(one["value"]), int(one["timestamp"])) for one in reply.get("metrics", [])
        )

    def datasets(self, run_id: str) -> list[tuple[str, str]]:
        inputs = self._got("runs/get", run_id=run_id)["run"].get("inputs", {})
        found = [one["dataset"] for one in inputs.get("dataset_inputs", [])]
        return sorted((one["name"], one["digest"]) for one in found)

    def _got(self, endpoint: str, **wanted: str) -> dict[str, Any]:
        url = f"{self._proxy.uri}/api/2.0/mlflow/{endpoint}"
        found: dict[str, Any] = (
            httpx2.get(url, params=wanted, timeout=240).raise_for_status().json()
        )
        return found


def made(bench: Bench, key: str = "one", seconds: int = 0) -> str:
    """A new run, which starts so many seconds after `START`."""
    start = START + timedelta(seconds=seconds)
    return bench.api.create_run(bench.experiment, "a name", start, {TAG: key, "team": "red"}).id


Ask: TypeAlias = Callable[[Bench, str], object]
DATASET = DatasetInput("census", "abc", "external", '{"source": "s3://b"}')
POINT = MetricPoint("accuracy", 0.25, 1_000)
OF_A_RUN: dict[str, Ask] = {
    "log": lambda bench, run: bench.api.log_batch(run, [POINT]),
    "log_dataset": lambda bench, run: bench.api.log_dataset(run, DATASET),
    "finish": lambda bench, run: bench.api.finish_run(run, START),
    "fail": lambda bench, run: bench.api.fail_run(run),
    "get": lambda bench, run: bench.api.stored_run(run),
    "delete": lambda bench, run: bench.api.delete_run(run),
}
"""Requests that name a run."""
ALL: dict[str, Ask] = OF_A_RUN | {
    "experiment": lambda bench, _run: bench.api.experiment_id(bench.name),
    "tag_experiment": lambda bench, _run: bench.api.tag_experiment(bench.experiment),
    "create": lambda bench, _run: made(bench),
    "find": lambda bench, _run: bench.api.find_run(bench.experiment, TAG, "one"),
    "unfinished": lambda bench, _run: bench.api.unfinished_runs(bench.experiment, TAG),
    "failed": lambda bench, _run: bench.api.failed_runs(bench.experiment, TAG),
    "deleted": lambda bench, _run: bench.api.deleted_runs(bench.experiment, TAG),
}
