"""A model of an MLflow server, which does what real ones were seen to do; one contract suite asks both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.mlflow.content import DELIVERY_KEY_TAG
from fairmind_sync.providers.mlflow.runs_api import (
    DatasetInput,
    Entry,
    MetricPoint,
    MlflowRefusedError,
    NotSentError,
    ParamText,
    RunPlace,
    StoredRun,
    TagText,
    UncertainError,
)
from tests.simulation.network import NoReplyError, RefusedError, Service, StatusError, Wire

_Result = TypeVar("_Result")
ADDRESS = "http://mlflow.simulated:5000"
REFUSED = "refused by mlflow"
"""A model of this name is refused for good."""


@dataclass
class MlflowRun:
    """A run as the server keeps it."""

    id: str
    key: str
    tags: dict[str, str]
    status: str = "RUNNING"
    is_deleted: bool = False
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        return self.status == "FINISHED"

    @property
    def value(self) -> float | None:
        return self.metrics.get("accuracy")


@dataclass
class MlflowService(Service):
    """The server's runs, in the order of their creation."""

    runs: dict[str, MlflowRun] = field(default_factory=dict)

    def create(self, tags: Mapping[str, str]) -> str:
        if REFUSED in tags.values():
            raise MlflowRefusedError("INVALID_PARAMETER_VALUE", "the server refuses this model")
        run_id = f"{self.world.chance.getrandbits(128):032x}"
        self.runs[run_id] = MlflowRun(run_id, tags[DELIVERY_KEY_TAG], dict(tags))
        return run_id

    def active(self, run_id: str) -> MlflowRun:
        run = self.runs[run_id]
        if run.is_deleted:
            raise MlflowRefusedError(
                "INVALID_PARAMETER_VALUE", f"The run {run_id} must be in the 'active' state."
            )
        return run

    def log(self, run_id: str, batch: Sequence[Entry]) -> None:
        run = self.active(run_id)
        for entry in batch:
            match entry:
                case MetricPoint():
                    run.metrics[entry.key] = entry.value
                case TagText():
                    run.tags[entry.key] = entry.value
                case ParamText():
                    if run.params.setdefault(entry.key, entry.value) != entry.value:
                        raise MlflowRefusedError(
                            "INVALID_PARAMETER_VALUE", "Changing param values is not allowed."
                        )

    def end(self, run_id: str, status: str) -> None:
        self.active(run_id).status = status

    def delete(self, run_id: str) -> None:
        self.runs[run_id].is_deleted = True

    def with_key(self, key: str) -> list[MlflowRun]:
        return [run for run in self.runs.values() if run.key == key]


class MlflowModelApi:
    """A `RunsApi` whose requests go over a simulated wire."""

    def __init__(self, wire: Wire, service: MlflowService) -> None:
        self._wire = wire
        self._service = service

    @property
    def artifacts(self) -> None:  # runs of the simulation have no files
        raise NotImplementedError

    def experiment_id(self, name: str) -> str:  # noqa: ARG002 there is one
        return self._ask("experiment", lambda: "1")

    def tag_experiment(self, experiment_id: str) -> None:  # noqa: ARG002 there is one
        self._ask("tag_experiment", lambda: None)

    def find_run(self, experiment_id: str, tag: str, value: str) -> str | None:  # noqa: ARG002 ours
        def find() -> str | None:
            return min((run.id for run in self._service.with_key(value)), default=None)

        return self._ask("find", find, value)

    def create_run(
        self,
        experiment_id: str,  # noqa: ARG002 there is one
        name: str,  # noqa: ARG002 it proves nothing
        start: datetime,  # noqa: ARG002 as little
        tags: Mapping[str, str],
    ) -> RunPlace:
        made = self._ask("create", lambda: self._service.create(tags), tags[DELIVERY_KEY_TAG])
        return RunPlace(made, "")

    def stored_run(self, run_id: str) -> StoredRun:
        def read() -> StoredRun:
            run = self._service.runs[run_id]
            return StoredRun(
                is_finished=run.status == "FINISHED",
                is_deleted=run.is_deleted,
                tags=dict(run.tags),
                params=frozenset(run.params),
                metrics=frozenset(run.metrics),
            )

        return self._ask("get", read, self._key(run_id))

    def log_batch(self, run_id: str, batch: Sequence[Entry]) -> None:
        self._ask("log", lambda: self._service.log(run_id, batch), self._key(run_id))

    def log_dataset(self, run_id: str, dataset: DatasetInput) -> None:
        raise NotImplementedError

    def finish_run(self, run_id: str, end: datetime) -> None:  # noqa: ARG002 times prove nothing
        self._ask("finish", lambda: self._service.end(run_id, "FINISHED"), self._key(run_id))

    def unfinished_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:  # noqa: ARG002
        return self._ask(
            "unfinished",
            lambda: [
                (run.id, run.key)
                for run in self._service.runs.values()
                if run.status == "RUNNING" and not run.is_deleted
            ],
        )

    def deleted_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:  # noqa: ARG002
        return self._ask(
            "deleted",
            lambda: [(run.id, run.key) for run in self._service.runs.values() if run.is_deleted],
        )

    def fail_run(self, run_id: str) -> None:
        self._ask("fail", lambda: self._service.end(run_id, "FAILED"), self._key(run_id))

    def delete_run(self, run_id: str) -> None:
        self._ask("delete", lambda: self._service.delete(run_id), self._key(run_id))

    def run_url(self, experiment_id: str, run_id: str) -> str | None:
        return f"{ADDRESS}/#/experiments/{experiment_id}/runs/{run_id}"

    def _key(self, run_id: str) -> str:
        return self._service.runs[run_id].key

    def _ask(self, what: str, effect: Callable[[], _Result], key: str = "") -> _Result:
        with _as_the_product_says():
            return self._wire.ask(what, effect, key)


@contextmanager
def _as_the_product_says() -> Iterator[None]:
    """Raises what `providers.mlflow.http_replies` makes of such a reply."""
    try:
        yield
    except RefusedError as error:
        raise NotSentError(str(error), address=ADDRESS) from error
    except NoReplyError as error:
        raise UncertainError(str(error)) from error
    except StatusError as error:
        if error.status == 403:
            raise ProviderBlockedError("the MLflow server refuses our credentials") from error
        if error.status == 500:
            raise UncertainError(str(error)) from error
        raise ProviderOfflineError(str(error), timedelta(seconds=error.after)) from error
