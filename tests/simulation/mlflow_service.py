"""A model of an MLflow server, which does what real ones were seen to do.

tests/simulation/test_mlflow_model.py asks the model and a real server the same questions: what they hold of
runs that are new, filled in part, finished, failed and deleted; which run is found by a tag; what they
refuse, and in which words; what a client makes of lost replies, of busy, broken and refusing servers, and of
none. The providers' contract (tests/providers/test_contract.py) passes over the model as over real servers.
Only the model says how long requests take, and that a request may arrive long after nobody waits any more.
"""

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
from tests.simulation.mlflow_files import MlflowModelArtifacts
from tests.simulation.network import NoReplyError, RefusedError, Service, StatusError, Wire

_Result = TypeVar("_Result")
ADDRESS = "http://mlflow.simulated:5000"
REFUSED = "refused by mlflow"
"""A model of this name is refused for good."""
_INVALID = "INVALID_PARAMETER_VALUE"


@dataclass
class MlflowRun:
    """A run as the server keeps it; `made_at` is when it was created, by the world's clock."""

    id: str
    start: datetime
    tags: dict[str, str]
    made_at: float = 0.0
    status: str = "RUNNING"
    is_deleted: bool = False
    params: dict[str, str] = field(default_factory=dict)
    points: list[MetricPoint] = field(default_factory=list)
    inputs: list[DatasetInput] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.tags.get(DELIVERY_KEY_TAG, "")

    @property
    def is_whole(self) -> bool:
        return self.status == "FINISHED"

    @property
    def value(self) -> float | None:
        found = [point for point in self.points if point.key == "accuracy"]
        return max(found, key=lambda point: point.timestamp_ms).value if found else None

    def add(self, batch: Sequence[Entry]) -> None:
        """A point that is there already is there once."""
        for entry in batch:
            match entry:
                case MetricPoint() if entry not in self.points:
                    self.points.append(entry)
                case TagText():
                    self.tags[entry.key] = entry.value
                case ParamText():
                    self.params[entry.key] = entry.value


@dataclass
class MlflowService(Service):
    """The server's runs, in the order of their creation, and their files, whatever became of the runs."""

    runs: dict[str, MlflowRun] = field(default_factory=dict)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def create(self, start: datetime, tags: Mapping[str, str]) -> str:
        if REFUSED in tags.values():
            raise MlflowRefusedError(_INVALID, "the server refuses this model")
        run_id = f"{self.world.chance.getrandbits(128):032x}"
        self.runs[run_id] = MlflowRun(run_id, start, dict(tags), self.world.now)
        return run_id

    def run(self, run_id: str) -> MlflowRun:
        if run_id not in self.runs:
            raise MlflowRefusedError("RESOURCE_DOES_NOT_EXIST", f"Run with id={run_id} not found")
        return self.runs[run_id]

    def active(self, run_id: str) -> MlflowRun:
        run = self.run(run_id)
        if run.is_deleted:
            raise MlflowRefusedError(_INVALID, f"The run {run_id} must be in the 'active' state.")
        return run

    def log(self, run_id: str, batch: Sequence[Entry]) -> None:
        """Takes the whole batch or nothing of it."""
        run = self.active(run_id)
        for entry in batch:
            if isinstance(entry, ParamText) and (
                run.params.get(entry.key, entry.value) != entry.value
            ):
                raise MlflowRefusedError(_INVALID, "Changing param values is not allowed.")
        run.add(batch)

    def use(self, run_id: str, dataset: DatasetInput) -> None:
        """Notes the dataset as the run's input; one that is there already is there once."""
        inputs = self.active(run_id).inputs
        if dataset not in inputs:
            inputs.append(dataset)

    def store_file(self, run_id: str, path: str, content: bytes) -> None:
        """Takes a file in the place of one that is there; asks for no run."""
        if self.store.keeps(self.world.now):
            self.files.setdefault(run_id, {})[path] = content

    def file(self, run_id: str, path: str) -> bytes | None:
        return self.files.get(run_id, {}).get(path)

    def end(self, run_id: str, status: str) -> None:
        self.active(run_id).status = status

    def delete(self, run_id: str) -> None:
        self.run(run_id).is_deleted = True

    def earliest(self, tag: str, value: str) -> str | None:
        """By its start; of runs that start at once, the one with the least id."""
        found = [run for run in self.runs.values() if run.tags.get(tag) == value]
        return min(found, key=lambda run: (run.start, run.id)).id if found else None

    def having(self, tag: str, *, is_deleted: bool) -> list[MlflowRun]:
        return [
            run for run in self.runs.values() if tag in run.tags and run.is_deleted == is_deleted
        ]


class MlflowModelApi:
    """A `RunsApi` whose requests go over a simulated wire."""

    def __init__(self, wire: Wire, service: MlflowService) -> None:
        self._wire = wire
        self._service = service

    @property
    def artifacts(self) -> MlflowModelArtifacts:
        return MlflowModelArtifacts(self._wire, self._service, ADDRESS)

    def experiment_id(self, name: str) -> str:  # noqa: ARG002 there is one
        return self._ask("experiment", lambda: "1")

    def tag_experiment(self, experiment_id: str) -> None:  # noqa: ARG002 there is one
        self._ask("tag_experiment", lambda: None)

    def find_run(self, experiment_id: str, tag: str, value: str) -> str | None:  # noqa: ARG002 there is one
        return self._ask("find", lambda: self._service.earliest(tag, value), value)

    def create_run(
        self,
        experiment_id: str,  # noqa: ARG002 there is one
        name: str,  # noqa: ARG002 it proves nothing
        start: datetime,
        tags: Mapping[str, str],
    ) -> RunPlace:
        key = tags.get(DELIVERY_KEY_TAG, "")
        made = self._ask("create", lambda: self._service.create(start, tags), key)
        return RunPlace(made, "")

    def stored_run(self, run_id: str) -> StoredRun:
        def read() -> StoredRun:
            run = self._service.run(run_id)
            return StoredRun(
                is_finished=run.is_whole,
                is_deleted=run.is_deleted,
                tags=dict(run.tags),
                params=frozenset(run.params),
                metrics=frozenset(point.key for point in run.points),
            )

        return self._ask("get", read, self._key(run_id))

    def log_batch(self, run_id: str, batch: Sequence[Entry]) -> None:
        self._ask("log", lambda: self._service.log(run_id, batch), self._key(run_id))

    def log_dataset(self, run_id: str, dataset: DatasetInput) -> None:
        self._ask("log_dataset", lambda: self._service.use(run_id, dataset), self._key(run_id))

    def finish_run(self, run_id: str, end: datetime) -> None:  # noqa: ARG002 times prove nothing
        self._ask("finish", lambda: self._service.end(run_id, "FINISHED"), self._key(run_id))

    def unfinished_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:  # noqa: ARG002
        def find() -> list[tuple[str, str]]:
            found = self._service.having(tag, is_deleted=False)
            return [(run.id, run.tags[tag]) for run in found if run.status == "RUNNING"]

        return self._ask("unfinished", find)

    def failed_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:  # noqa: ARG002
        def find() -> list[tuple[str, str]]:
            found = self._service.having(tag, is_deleted=False)
            return [(run.id, run.tags[tag]) for run in found if run.status == "FAILED"]

        return self._ask("failed", find)

    def deleted_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:  # noqa: ARG002
        def find() -> list[tuple[str, str]]:
            found = self._service.having(tag, is_deleted=True)
            return [(run.id, run.tags[tag]) for run in found]

        return self._ask("deleted", find)

    def fail_run(self, run_id: str) -> None:
        self._ask("fail", lambda: self._service.end(run_id, "FAILED"), self._key(run_id))

    def delete_run(self, run_id: str) -> None:
        self._ask("delete", lambda: self._service.delete(run_id), self._key(run_id))

    def run_url(self, experiment_id: str, run_id: str) -> str | None:
        return f"{ADDRESS}/#/experiments/{experiment_id}/runs/{run_id}"

    def _key(self, run_id: str) -> str:
        run = self._service.runs.get(run_id)
        return run.key if run else ""

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
