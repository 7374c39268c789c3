"""The interface `RunsApi`: the calls that a delivery makes to MLflow,
their values, filters and errors; other files carry it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeAlias

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError

if TYPE_CHECKING:
    from fairmind_sync.results.model_version import ModelVersion


class NotSentError(ProviderOfflineError):
    """The request never reached the server, so can't have changed anything there."""


class UncertainError(Exception):
    """The server may or may not have done what was asked: no reply came, or a reply that makes no sense."""


class NotMlflowError(ProviderBlockedError):
    """What answers is no MLflow server: at the wrong address, or a gateway that refuses the request."""


class MlflowRefusedError(Exception):
    """The server refused this request because of its content."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ServerFailedError(UncertainError):
    """The server says that it failed: for once, or because it can't do what was asked as it is set up."""


class StoreRefusedError(Exception):
    """The place of a run's files takes none from us; the message says what could be done."""


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """A metric's value; `timestamp_ms` is the result's time, in milliseconds since 1970."""

    key: str
    value: float
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class ParamText:
    """A parameter's text."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class TagText:
    """A tag's text."""

    key: str
    value: str


Entry: TypeAlias = MetricPoint | ParamText | TagText


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A run's id, and where the run's artifacts are; `artifact_uri` is empty where the server doesn't say."""

    id: str
    artifact_uri: str


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A dataset that a run used; the name has at most 500 characters, the digest 36. `source` is JSON."""

    name: str
    digest: str
    source_type: str
    source: str


CONTEXT_TAG, CONTEXT = "mlflow.data.context", "evaluation"
"""The tag of a run's input by which MLflow's page says what the dataset was used for."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """How far a run has come at the server: by default not at all.

    `tags` are the run's tags, `params` and `metrics` the keys of what the run has.
    """

    is_finished: bool = False
    is_deleted: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    params: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    artifact_uri: str = ""


class ArtifactsApi(Protocol):
    """Files beside a run's numbers; no call is repeated here.

    Raises:
        StoreRefusedError: the store takes no files from us, as it is set up.
        And as `RunsApi`.
    """

    def store(self, run: RunPlace, path: str, content: bytes) -> None:
        """Stores a file, in the place of one that is there."""

    def read(self, run: RunPlace, path: str) -> bytes | None:
        """Returns the file's content; None where there is none."""


class RunsApi(Protocol):
    """What a delivery asks of MLflow; no call is repeated here.

    Raises:
        ProviderUnavailableError: no request would get through; NotSentError, if this one was never sent.
        UncertainError: the server may or may not have done what was asked.
        MlflowRefusedError: the server refused this request.
    """

    @property
    def artifacts(self) -> ArtifactsApi:
        """The calls for files beside the run's numbers."""

    def experiment_id(self, name: str) -> str:
        """Returns the experiment's id; makes the experiment if there is none of that name."""

    def tag_experiment(self, experiment_id: str) -> None:
        """Sets a tag on the experiment; who may not make runs in the experiment may not set the tag."""

    def find_run(
        self, experiment_id: str, tag: str, value: str, *, is_whole: bool = False
    ) -> str | None:
        """Returns the id of the earliest run with this tag, deleted runs included; None if there is none.

        `is_whole`: of finished runs that aren't deleted.
        """

    def create_run(
        self, experiment_id: str, name: str, start: datetime, tags: Mapping[str, str]
    ) -> RunPlace:
        """Makes a run; returns its id and where its artifacts are."""

    def stored_run(self, run_id: str) -> StoredRun:
        """Returns how far the run has come."""

    def log_batch(self, run_id: str, batch: Sequence[Entry]) -> None:
        """Logs points, parameters and tags, within MLflow's limits for one batch.

        Servers older than 3.17 refuse a point whose value is NaN and that the run has already.
        """

    def log_dataset(self, run_id: str, dataset: DatasetInput) -> None:
        """Notes that the run used the dataset; repeated, the run has the dataset once.

        A server that is told of a new dataset twice at once may refuse one of the two.
        """

    def model_version_tags(self, version: ModelVersion) -> dict[str, str]:
        """Returns the tags of a registered model's version."""

    def tag_model_version(self, version: ModelVersion, key: str, value: str) -> None:
        """Sets a tag of a registered model's version."""

    def finish_run(self, run_id: str, end: datetime) -> None:
        """Ends the run as FINISHED, and makes sure that the server says so."""

    def unfinished_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        """Returns id and tag value of each run that has the tag and is not ended; at most 1,000 runs."""

    def failed_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        """Returns id and tag value of each run that has the tag and ended as FAILED; at most 1,000 runs."""

    def deleted_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        """Returns id and tag value of each deleted run that has the tag; at most 1,000 runs."""

    def fail_run(self, run_id: str) -> None:
        """Ends the run as FAILED."""

    def delete_run(self, run_id: str) -> None:
        """Marks the run as deleted, from which state MLflow can restore runs."""

    def run_url(self, experiment_id: str, run_id: str) -> str | None:
        """Returns the URL of the run's page; None where runs have no pages."""


def page_of(pages: str, experiment_id: str, run_id: str) -> str:
    """Returns the URL of a run's page at an MLflow server, whose pages' address is given."""
    return f"{pages}/#/experiments/{experiment_id}/runs/{run_id}"


EXPERIMENT_TAG = ("fairmind.sync", "delivers here")
"""The tag's key and value: always the same, so that the tag is harmless to repeat."""


_EARLIEST_MS = 1
"""MLflow refuses a time before 1970, and takes 0 for none."""


def to_ms(moment: datetime) -> int:
    return max(_EARLIEST_MS, round(moment.timestamp() * 1000))


def holding(tag: str, value: str, *, is_whole: bool) -> str:
    """Returns MLflow's filter for runs whose tag has the value; for finished ones alone, if `is_whole`."""
    finished = " and attributes.status = 'FINISHED'" if is_whole else ""
    return f"tags.`{tag}` = '{value}'{finished}"


def in_status(tag: str, status: str) -> str:
    """Returns MLflow's filter for runs of that status that have the tag."""
    return f"attributes.status = '{status}' AND {having(tag)}"


def having(tag: str) -> str:
    """Returns MLflow's filter for runs that have the tag."""
    return f"tags.`{tag}` LIKE '%'"


def refuse_deleted_experiment(name: str, experiment_id: str) -> NoReturn:
    raise ProviderBlockedError(
        f"the MLflow experiment {name!r} is deleted. Restore it: "
        f"mlflow experiments restore --experiment-id {experiment_id}; "
        "or set MLFLOW_EXPERIMENT_NAME to another."
    )
