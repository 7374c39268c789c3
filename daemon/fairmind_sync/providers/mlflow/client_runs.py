"""Reaches MLflow stores that are no HTTP server (`sqlite:`, `databricks`) through MlflowClient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NoReturn

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException, RestException

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow.runs_api import (
    EXPERIMENT_TAG,
    Entry,
    MetricPoint,
    MlflowRefusedError,
    ParamText,
    StoredRun,
    TagText,
    UncertainError,
    refuse_deleted_experiment,
    running_with,
    to_ms,
)
from fairmind_sync.redaction import redact


class ClientRuns:
    """A `RunsApi` on MlflowClient, for stores that aren't an HTTP server."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._client = MlflowClient(tracking_uri=uri)

    def experiment_id(self, name: str) -> str:
        try:
            found = self._client.get_experiment_by_name(name)
            if found is None:
                return str(self._client.create_experiment(name))
        except MlflowException as error:
            _raise_client_error(error)
        if found.lifecycle_stage != "active":
            refuse_deleted_experiment(name, found.experiment_id)
        return str(found.experiment_id)

    def tag_experiment(self, experiment_id: str) -> None:
        try:
            self._client.set_experiment_tag(experiment_id, *EXPERIMENT_TAG)
        except MlflowException as error:
            _raise_client_error(error)

    def find_run(self, experiment_id: str, tag: str, value: str) -> str | None:
        try:
            found = self._client.search_runs(
                [experiment_id],
                filter_string=f"tags.`{tag}` = '{value}'",
                run_view_type=ViewType.ALL,
                max_results=1,
                order_by=["attributes.start_time ASC"],
            )
        except MlflowException as error:
            _raise_client_error(error)
        return str(found[0].info.run_id) if found else None

    def create_run(
        self, experiment_id: str, name: str, start: datetime, tags: Mapping[str, str]
    ) -> str:
        try:
            run = self._client.create_run(
                experiment_id, start_time=to_ms(start), tags=dict(tags), run_name=name
            )
        except MlflowException as error:
            _raise_client_error(error)
        return str(run.info.run_id)

    def stored_run(self, run_id: str) -> StoredRun:
        try:
            run = self._client.get_run(run_id)
        except MlflowException as error:
            _raise_client_error(error)
        return StoredRun(
            is_finished=run.info.status == "FINISHED",
            is_deleted=run.info.lifecycle_stage == "deleted",
            tags=frozenset(run.data.tags),
            params=frozenset(run.data.params),
            metrics=frozenset(run.data.metrics),
        )

    def log_batch(self, run_id: str, batch: Sequence[Entry]) -> None:
        try:
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
        except MlflowException as error:
            _raise_client_error(error)

    def finish_run(self, run_id: str, end: datetime) -> None:
        try:
            self._client.set_terminated(run_id, "FINISHED", to_ms(end))
            status = self._client.get_run(run_id).info.status
        except MlflowException as error:
            _raise_client_error(error)
        if status != "FINISHED":
            raise UncertainError(f"the run is {status} after it was ended")

    def unfinished_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        try:
            found = self._client.search_runs([experiment_id], filter_string=running_with(tag))
        except MlflowException as error:
            _raise_client_error(error)
        return [(str(run.info.run_id), str(run.data.tags[tag])) for run in found]

    def fail_run(self, run_id: str) -> None:
        try:
            self._client.set_terminated(run_id, "FAILED")
        except MlflowException as error:
            _raise_client_error(error)

    def delete_run(self, run_id: str) -> None:
        try:
            self._client.delete_run(run_id)
        except MlflowException as error:
            _raise_client_error(error)

    def run_url(self, experiment_id: str, run_id: str) -> str | None:
        if not self._uri.startswith("databricks"):
            return None
        host = self._client._tracking_client.store.get_host_creds().host.rstrip("/")  # noqa: SLF001 as above
        return f"{host}/ml/experiments/{experiment_id}/runs/{run_id}"


def _raise_client_error(error: MlflowException) -> NoReturn:
    if isinstance(error, RestException) and error.get_http_status_code() in (401, 403):
        raise ProviderBlockedError(f"MLflow refuses our credentials: {error.message}") from error
    if error.error_code in ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"):
        raise UncertainError(redact(str(error.message))) from error
    raise MlflowRefusedError(str(error.error_code), str(error.message)) from error
