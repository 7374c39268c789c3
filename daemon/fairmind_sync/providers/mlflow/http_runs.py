"""Makes and changes runs on an MLflow server by its REST API:
each call of `RunsApi` as a request; workspaces.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow import package_needed, tracking_variables
from fairmind_sync.providers.mlflow.http_artifacts import HttpArtifacts
from fairmind_sync.providers.mlflow.http_client import HttpClient, Reply, Request
from fairmind_sync.providers.mlflow.http_replies import read_reply
from fairmind_sync.providers.mlflow.http_server import SERVER_INFO, HttpServer
from fairmind_sync.providers.mlflow.runs_api import (
    CONTEXT,
    CONTEXT_TAG,
    EXPERIMENT_TAG,
    ArtifactsApi,
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
from fairmind_sync.providers.mlflow.thin_client import ThinClient
from fairmind_sync.redaction import without_user
from fairmind_sync.results.model_version import ModelVersion

_DEFAULT_WORKSPACE = "default"


def open_server(uri: str, public_url: str | None = None) -> HttpRuns:
    """Returns the server at the URI, with MLflow's own credentials or those in the URI.

    Links to runs begin with the public URL where there is one.
    """
    server = HttpServer(uri, _client_of(uri))
    return HttpRuns(server, public_url or without_user(uri), HttpArtifacts(server))


def _client_of(uri: str) -> HttpClient:
    if not package_needed.is_needed_for(uri):
        return ThinClient(uri)
    from fairmind_sync.providers.mlflow import package_client

    return package_client.client_of(uri)


class HttpRuns:
    """A `RunsApi` on an HTTP server; links to runs begin with `pages`."""

    def __init__(self, server: HttpServer, pages: str, artifacts: ArtifactsApi) -> None:
        self.artifacts = artifacts
        self._pages = pages
        self._server = server

    def experiment_id(self, name: str) -> str:
        self._require_workspace()
        found = self._get_experiment(name) or self._create_experiment(name)
        if found.get("lifecycle_stage", "active") != "active":
            refuse_deleted_experiment(name, str(found["experiment_id"]))
        return str(found["experiment_id"])

    def tag_experiment(self, experiment_id: str) -> None:
        key, value = EXPERIMENT_TAG
        self._server.call(
            "POST",
            "experiments/set-experiment-tag",
            experiment_id=experiment_id,
            key=key,
            value=value,
        )

    def find_run(
        self, experiment_id: str, tag: str, value: str, *, is_whole: bool = False
    ) -> str | None:
        reply = self._server.call(
            "POST",
            "runs/search",
            experiment_ids=[experiment_id],
            filter=holding(tag, value, is_whole=is_whole),
            run_view_type="ACTIVE_ONLY" if is_whole else "ALL",
            order_by=["attributes.start_time ASC"],
            max_results=1,
        )
        runs = reply.get("runs")
        return str(runs[0]["info"]["run_id"]) if runs else None

    def create_run(
        self, experiment_id: str, name: str, start: datetime, tags: Mapping[str, str]
    ) -> RunPlace:
        reply = self._server.call(
            "POST",
            "runs/create",
            experiment_id=experiment_id,
            run_name=name,
            start_time=to_ms(start),
            tags=[{"key": key, "value": value} for key, value in tags.items()],
        )
        with suppress(KeyError, TypeError):
            info = reply["run"]["info"]
            if run_id := info["run_id"]:
                return RunPlace(str(run_id), str(info.get("artifact_uri") or ""))
        raise UncertainError("the reply to runs/create holds no run id")

    def stored_run(self, run_id: str) -> StoredRun:
        reply = self._server.call("GET", "runs/get", run_id=run_id)
        with suppress(KeyError, TypeError, AttributeError):
            info, data = reply["run"]["info"], reply["run"].get("data", {})
            return StoredRun(
                is_finished=info["status"] == "FINISHED",
                is_deleted=info.get("lifecycle_stage") == "deleted",
                artifact_uri=str(info.get("artifact_uri") or ""),
                tags={tag["key"]: tag["value"] for tag in data.get("tags", [])},
                params=frozenset(param["key"] for param in data.get("params", [])),
                metrics=frozenset(metric["key"] for metric in data.get("metrics", [])),
            )
        raise UncertainError("the reply to runs/get makes no sense")

    def log_batch(self, run_id: str, batch: Sequence[Entry]) -> None:
        self._server.call(
            "POST",
            "runs/log-batch",
            run_id=run_id,
            metrics=[
                {
                    "key": entry.key,
                    "value": _json_number(entry.value),
                    "timestamp": entry.timestamp_ms,
                    "step": 0,
                }
                for entry in batch
                if isinstance(entry, MetricPoint)
            ],
            params=_pairs(entry for entry in batch if isinstance(entry, ParamText)),
            tags=_pairs(entry for entry in batch if isinstance(entry, TagText)),
        )

    def log_dataset(self, run_id: str, dataset: DatasetInput) -> None:
        described = {
            "name": dataset.name,
            "digest": dataset.digest,
            "source_type": dataset.source_type,
            "source": dataset.source,
        }
        used = {"tags": [{"key": CONTEXT_TAG, "value": CONTEXT}], "dataset": described}
        self._server.call("POST", "runs/log-inputs", run_id=run_id, datasets=[used])

    def model_version_tags(self, version: ModelVersion) -> dict[str, str]:
        reply = self._server.call(
            "GET", "model-versions/get", name=version.name, version=version.version
        )
        with suppress(KeyError, TypeError, AttributeError):
            tags = reply["model_version"].get("tags", [])
            return {str(tag["key"]): str(tag["value"]) for tag in tags}
        raise UncertainError("the reply to model-versions/get makes no sense")

    def tag_model_version(self, version: ModelVersion, key: str, value: str) -> None:
        self._server.call(
            "POST",
            "model-versions/set-tag",
            name=version.name,
            version=version.version,
            key=key,
            value=value,
        )

    def finish_run(self, run_id: str, end: datetime) -> None:
        reply = self._server.call(
            "POST", "runs/update", run_id=run_id, status="FINISHED", end_time=to_ms(end)
        )
        info = reply.get("run_info") or {}
        if (info.get("run_id"), info.get("status")) != (run_id, "FINISHED"):
            raise UncertainError(
                "the reply to runs/update doesn't confirm that the run is finished"
            )

    def unfinished_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        return self._tagged(experiment_id, tag, filter=in_status(tag, "RUNNING"))

    def failed_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        return self._tagged(experiment_id, tag, filter=in_status(tag, "FAILED"))

    def deleted_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        return self._tagged(experiment_id, tag, filter=having(tag), run_view_type="DELETED_ONLY")

    def _tagged(self, experiment_id: str, tag: str, **wanted: str) -> list[tuple[str, str]]:
        reply = self._server.call(
            "POST", "runs/search", experiment_ids=[experiment_id], max_results=1000, **wanted
        )
        return [
            (str(run["info"]["run_id"]), str(pair["value"]))
            for run in reply.get("runs", [])
            for pair in run["data"]["tags"]
            if pair["key"] == tag
        ]

    def fail_run(self, run_id: str) -> None:
        self._server.call("POST", "runs/update", run_id=run_id, status="FAILED")

    def delete_run(self, run_id: str) -> None:
        self._server.call("POST", "runs/delete", run_id=run_id)

    def run_url(self, experiment_id: str, run_id: str) -> str | None:
        return f"{page_of(self._pages, experiment_id, run_id)}{_workspace_query()}"

    def _require_workspace(self) -> None:
        """Refuses a server without workspaces, which ignores MLFLOW_WORKSPACE."""
        if not _workspace_query():
            return
        reply = self._server.send(Request("GET", SERVER_INFO))
        if reply.status == HTTPStatus.OK and _has_workspaces(reply):
            return
        if reply.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
            raise ProviderBlockedError(
                "MLFLOW_WORKSPACE is set, but the MLflow server has no workspaces. Unset it, or start the "
                "server with --enable-workspaces."
            )
        read_reply(reply, SERVER_INFO)

    def _get_experiment(self, name: str) -> dict[str, Any] | None:
        try:
            reply = self._server.call("GET", "experiments/get-by-name", experiment_name=name)
        except MlflowRefusedError as error:
            if error.code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return dict(_field(reply, "experiment"))

    def _create_experiment(self, name: str) -> dict[str, Any]:
        try:
            reply = self._server.call("POST", "experiments/create", name=name)
        except MlflowRefusedError as error:
            found = self._get_experiment(name)  # somebody else made it at the same time
            if error.code == "RESOURCE_ALREADY_EXISTS" and found is not None:
                return found
            raise
        return {"experiment_id": _field(reply, "experiment_id")}


def _has_workspaces(reply: Reply) -> bool:
    with suppress(ValueError, AttributeError):
        return bool(json.loads(reply.content).get("workspaces_enabled"))
    return False


def _pairs(entries: Iterable[ParamText | TagText]) -> list[dict[str, str]]:
    return [{"key": entry.key, "value": entry.value} for entry in entries]


def _json_number(value: float) -> float | str:
    """Returns NaN as text: bare NaN is no JSON, and MLflow's server reads it as 0.0."""
    return "NaN" if value != value else value  # noqa: PLR0124 only NaN differs from itself


def _workspace_query() -> str:
    workspace = tracking_variables.workspace()
    if not workspace or workspace == _DEFAULT_WORKSPACE:
        return ""
    return f"?workspace={quote(workspace, safe='')}"


def _field(reply: Mapping[str, Any], name: str) -> Any:
    try:
        return reply[name]
    except KeyError:
        raise UncertainError(f"the server's reply holds no {name}") from None
