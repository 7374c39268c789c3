"""Makes and changes runs by MlflowClient, for stores that are no
HTTP server, such as `sqlite:`; what its errors mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn

from mlflow import MlflowClient
from mlflow.entities import Dataset, InputTag, Metric, Param, RunTag, ViewType
from mlflow.entities import DatasetInput as Input
from mlflow.exceptions import MlflowException, RestException

from fairmind_sync.errors import FairmindSyncError, ProviderBlockedError
from fairmind_sync.providers.mlflow.client_artifacts import ClientArtifacts
from fairmind_sync.providers.mlflow.runs_api import (
    CONTEXT,
    CONTEXT_TAG,
    EXPERIMENT_TAG,
    DatasetInput,
    Entry,
    MetricPoint,
    MlflowRefusedError,
    ParamText,
    RunPlace,
    StoredRun,
    TagText,
    UncertainError,
    having,
    holding,
    in_status,
    page_of,
    refuse_deleted_experiment,
    to_ms,
)
from fairmind_sync.providers.mlflow.stores import blocked_file
from fairmind_sync.redaction import redact
from fairmind_sync.results.model_version import ModelVersion

_OF_A_FILE = re.compile(
    r"sqlite3\.\w+.*(readonly|unable to open|not a database|malformed|is full|disk I/O|no such table)"
)
"""What SQLite says of a file that somebody has to put right."""


class ClientRuns:
    """A `RunsApi` on MlflowClient, for stores that aren't an HTTP server.

    A store has no pages of its own: links to runs begin with the public URL, if there is one.
    """

    def __init__(self, client: MlflowClient, public_url: str | None = None) -> None:
        self._client = client
        self._pages = public_url
        self.artifacts = ClientArtifacts(client)

    def experiment_id(self, name: str) -> str:
        with _translated():
            found = self._client.get_experiment_by_name(name)
            if found is None:
                return str(self._client.create_experiment(name))
        if found.lifecycle_stage != "active":
            refuse_deleted_experiment(name, found.experiment_id)
        return str(found.experiment_id)

    def tag_experiment(self, experiment_id: str) -> None:
        with _translated():
            self._client.set_experiment_tag(experiment_id, *EXPERIMENT_TAG)

    def find_run(
        self, experiment_id: str, tag: str, value: str, *, is_whole: bool = False
    ) -> str | None:
        with _in_doubt(), _translated():
            found = self._client.search_runs(
                [experiment_id],
                filter_string=holding(tag, value, is_whole=is_whole),
                run_view_type=ViewType.ACTIVE_ONLY if is_whole else ViewType.ALL,
                max_results=1,
                order_by=["attributes.start_time ASC"],
            )
        return str(found[0].info.run_id) if found else None

    def create_run(
        self, experiment_id: str, name: str, start: datetime, tags: Mapping[str, str]
    ) -> RunPlace:
        with _in_doubt(), _translated():
            run = self._client.create_run(
                experiment_id, start_time=to_ms(start), tags=dict(tags), run_name=name
            )
        return RunPlace(str(run.info.run_id), str(run.info.artifact_uri or ""))

    def stored_run(self, run_id: str) -> StoredRun:
        with _in_doubt(), _translated():
            run = self._client.get_run(run_id)
        return StoredRun(
            is_finished=run.info.status == "FINISHED",
            is_deleted=run.info.lifecycle_stage == "deleted",
            tags=dict(run.data.tags),
            params=frozenset(run.data.params),
            metrics=frozenset(run.data.metrics),
            artifact_uri=str(run.info.artifact_uri or ""),
        )

    def log_batch(self, run_id: str, batch: Sequence[Entry]) -> None:
        with _in_doubt(), _translated():
            self._client.log_batch(
                run_id,
                [
                    Metric(entry.key, entry.value, entry.timestamp_ms, 0)
                    for entry in batch
                    if isinstance(entry, MetricPoint)
                ],
                [Param(entry.key, entry.value) for entry in batch if isinstance(entry, ParamText)],
                [RunTag(entry.key, entry.value) for entry in batch if isinstance(entry, TagText)],
            )

    def log_dataset(self, run_id: str, dataset: DatasetInput) -> None:
        described = Dataset(dataset.name, dataset.digest, dataset.source_type, dataset.source)
        used = Input(described, [InputTag(CONTEXT_TAG, CONTEXT)])
        with _in_doubt(), _translated():
            self._client.log_inputs(run_id, [used])

    def model_version_tags(self, version: ModelVersion) -> dict[str, str]:
        with _in_doubt(), _translated():
            return dict(self._client.get_model_version(version.name, version.version).tags)

    def tag_model_version(self, version: ModelVersion, key: str, value: str) -> None:
        with _in_doubt(), _translated():
            self._client.set_model_version_tag(version.name, version.version, key, value)

    def finish_run(self, run_id: str, end: datetime) -> None:
        with _in_doubt(), _translated():
            self._client.set_terminated(run_id, "FINISHED", to_ms(end))
            status = self._client.get_run(run_id).info.status
        if status != "FINISHED":
            raise UncertainError(f"the run is {status} after it was ended")

    def unfinished_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        return self._tagged(experiment_id, tag, in_status(tag, "RUNNING"), ViewType.ACTIVE_ONLY)

    def failed_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        return self._tagged(experiment_id, tag, in_status(tag, "FAILED"), ViewType.ACTIVE_ONLY)

    def deleted_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        return self._tagged(experiment_id, tag, having(tag), ViewType.DELETED_ONLY)

    def _tagged(
        self, experiment_id: str, tag: str, wanted: str, view: int
    ) -> list[tuple[str, str]]:
        with _in_doubt(), _translated():
            found = self._client.search_runs([experiment_id], wanted, view)
        return [(str(run.info.run_id), str(run.data.tags[tag])) for run in found]

    def fail_run(self, run_id: str) -> None:
        with _in_doubt(), _translated():
            self._client.set_terminated(run_id, "FAILED")

    def delete_run(self, run_id: str) -> None:
        with _in_doubt(), _translated():
            self._client.delete_run(run_id)

    def run_url(self, experiment_id: str, run_id: str) -> str | None:
        return None if self._pages is None else page_of(self._pages, experiment_id, run_id)


@contextmanager
def _translated() -> Iterator[None]:
    """Raises the client's own errors as those of `RunsApi`."""
    try:
        yield
    except MlflowException as error:
        _raise_client_error(error)


@contextmanager
def _in_doubt() -> Iterator[None]:
    """Has whatever else a plugin's store raises say that nobody knows what became of the call."""
    try:
        yield
    except (FairmindSyncError, MlflowRefusedError, UncertainError):
        raise
    except Exception as error:
        raise UncertainError(redact(f"{type(error).__name__}: {error}")) from error


def _raise_client_error(error: MlflowException) -> NoReturn:
    message = redact(str(error.message))
    if isinstance(error, RestException) and error.get_http_status_code() in (401, 403):
        raise ProviderBlockedError(f"MLflow refuses our credentials: {message}") from error
    if _OF_A_FILE.search(message):
        raise blocked_file(message) from error
    if error.error_code in ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"):
        raise UncertainError(message) from error
    raise MlflowRefusedError(str(error.error_code), message) from error
