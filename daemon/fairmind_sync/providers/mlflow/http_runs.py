"""Talks to an MLflow server in single requests that are never repeated by themselves.

MLflow's own client repeats `runs/create` when a reply is lost, and two runs exist. MLflow's `http_request`
keeps its authentication and headers and shows the real status; it is semi-public, so tests cover it and
`pyproject.toml` bounds it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import quote

import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.rest_utils import http_request
from mlflow.utils.workspace_context import get_request_workspace
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.mlflow.runs_api import (
    MetricPoint,
    MlflowRefusedError,
    NotSentError,
    UncertainError,
    refuse_deleted_experiment,
    running_with,
    to_ms,
)
from fairmind_sync.providers.retry_after import retry_after
from fairmind_sync.redaction import redact, without_user

REQUEST_TIMEOUT_S = 10.0
_AWAY = (429, 502, 503, 504)
_DEFAULT_WORKSPACE = "default"


class _AcknowledgesAtOnce:
    """Has urllib3's connections acknowledge packets at once, so that a reply in two packets isn't held up.

    MLflow's server sends head and body apart, without TCP_NODELAY if the server has several workers
    (Kludex/uvicorn#3149), and then waits 40 ms for our acknowledgement. The kernel forgets the option, so the
    option is set for each reply.
    """

    def getresponse(self) -> Any:
        sock = getattr(self, "sock", None)
        if sock is not None and hasattr(socket, "TCP_QUICKACK"):  # Linux has it
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return super().getresponse()  # type: ignore[misc]  # of the connection it is mixed into


class _Connection(_AcknowledgesAtOnce, HTTPConnection):
    pass


class _TlsConnection(_AcknowledgesAtOnce, HTTPSConnection):
    pass


class HttpRuns:
    """A `RunsApi` on an HTTP server, with one request on a kept connection for most calls."""

    def __init__(self, uri: str) -> None:
        HTTPConnectionPool.ConnectionCls = _Connection
        HTTPSConnectionPool.ConnectionCls = _TlsConnection
        self._uri = uri
        self._host_creds = MlflowClient(tracking_uri=uri)._tracking_client.store.get_host_creds  # noqa: SLF001 keeps MLflow's authentication

    def experiment_id(self, name: str) -> str:
        found = self._get_experiment(name) or self._create_experiment(name)
        if found.get("lifecycle_stage", "active") != "active":
            refuse_deleted_experiment(name, str(found["experiment_id"]))
        return str(found["experiment_id"])

    def find_run(self, experiment_id: str, tag: str, value: str) -> str | None:
        reply = self._call(
            "POST",
            "runs/search",
            experiment_ids=[experiment_id],
            filter=f"tags.`{tag}` = '{value}'",
            run_view_type="ALL",
            order_by=["attributes.start_time ASC"],
            max_results=1,
        )
        runs = reply.get("runs", [])
        return str(runs[0]["info"]["run_id"]) if runs else None

    def create_run(
        self, experiment_id: str, name: str, start: datetime, tags: Mapping[str, str]
    ) -> str:
        reply = self._call(
            "POST",
            "runs/create",
            experiment_id=experiment_id,
            run_name=name,
            start_time=to_ms(start),
            tags=[{"key": key, "value": value} for key, value in tags.items()],
        )
        with suppress(KeyError, TypeError):
            if run_id := reply["run"]["info"]["run_id"]:
                return str(run_id)
        raise UncertainError("the reply to runs/create holds no run id")

    def log_batch(
        self, run_id: str, points: Sequence[MetricPoint], params: Mapping[str, str]
    ) -> None:
        self._call(
            "POST",
            "runs/log-batch",
            run_id=run_id,
            metrics=[
                {
                    "key": point.key,
                    "value": _json_number(point.value),
                    "timestamp": point.timestamp_ms,
                    "step": 0,
                }
                for point in points
            ],
            params=[{"key": key, "value": value} for key, value in params.items()],
        )

    def finish_run(self, run_id: str, end: datetime) -> None:
        reply = self._call(
            "POST", "runs/update", run_id=run_id, status="FINISHED", end_time=to_ms(end)
        )
        info = reply.get("run_info") or {}
        if (info.get("run_id"), info.get("status")) != (run_id, "FINISHED"):
            raise UncertainError(
                "the reply to runs/update doesn't confirm that the run is finished"
            )

    def unfinished_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        reply = self._call(
            "POST",
            "runs/search",
            experiment_ids=[experiment_id],
            filter=running_with(tag),
            max_results=1000,
        )
        return [
            (str(run["info"]["run_id"]), str(pair["value"]))
            for run in reply.get("runs", [])
            for pair in run["data"]["tags"]
            if pair["key"] == tag
        ]

    def fail_run(self, run_id: str) -> None:
        self._call("POST", "runs/update", run_id=run_id, status="FAILED")

    def delete_run(self, run_id: str) -> None:
        self._call("POST", "runs/delete", run_id=run_id)

    def run_url(self, experiment_id: str, run_id: str) -> str | None:
        return f"{without_user(self._uri)}/#/experiments/{experiment_id}/runs/{run_id}{_workspace_query()}"

    def _get_experiment(self, name: str) -> dict[str, Any] | None:
        try:
            reply = self._call("GET", "experiments/get-by-name", experiment_name=name)
        except MlflowRefusedError as error:
            if error.code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return dict(_field(reply, "experiment"))

    def _create_experiment(self, name: str) -> dict[str, Any]:
        try:
            reply = self._call("POST", "experiments/create", name=name)
        except MlflowRefusedError as error:
            found = self._get_experiment(name)  # somebody else made it at the same time
            if error.code == "RESOURCE_ALREADY_EXISTS" and found is not None:
                return found
            raise
        return {"experiment_id": _field(reply, "experiment_id")}

    def _call(self, method: str, endpoint: str, **fields: Any) -> dict[str, Any]:
        carried: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
        try:
            response = http_request(
                self._host_creds(),
                f"/api/2.0/mlflow/{endpoint}",
                method,
                timeout=REQUEST_TIMEOUT_S,
                max_retries=0,
                raise_on_status=False,
                allow_redirects=False,
                **carried,
            )
        except MlflowException as error:
            _raise_unreachable(error, self._uri)
        return _read(response)


def _json_number(value: float) -> float | str:
    """Returns NaN as text: bare NaN is no JSON, and MLflow's server reads it as 0.0."""
    return "NaN" if value != value else value  # noqa: PLR0124 only NaN differs from itself


def _workspace_query() -> str:
    workspace = get_request_workspace()
    if not workspace or workspace == _DEFAULT_WORKSPACE:
        return ""
    return f"?workspace={quote(workspace, safe='')}"


def _field(reply: Mapping[str, Any], name: str) -> Any:
    try:
        return reply[name]
    except KeyError:
        raise UncertainError(f"the server's reply holds no {name}") from None


def _raise_unreachable(error: MlflowException, uri: str) -> NoReturn:
    """Raises NotSentError for a request that found no server, UncertainError for one that may have worked."""
    causes = list(_causes(error))
    not_sent = (NewConnectionError, ConnectTimeoutError, requests.exceptions.ProxyError)
    for cause in causes:
        if isinstance(cause, not_sent):
            raise NotSentError(
                f"the MLflow server can't be reached: {redact(str(cause))}",
                address=without_user(uri),
            ) from error
        if isinstance(cause, requests.exceptions.SSLError):
            raise ProviderBlockedError(f"the MLflow server's certificate is refused: {cause}")
    raise UncertainError(redact(str(causes[-1]))) from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yields the error and its causes; urllib3 keeps a cause in an attribute, requests in an argument."""
    while error is not None:
        yield error
        nested = [getattr(error, "reason", None), *error.args]
        error = next((link for link in nested if isinstance(link, BaseException)), None) or (
            error.__cause__ or error.__context__
        )


def _read(response: requests.Response) -> dict[str, Any]:
    """Returns the reply as a dictionary; raises the error that its status means."""
    status = response.status_code
    if status != requests.codes.ok:
        _raise_for_status(status, response)
    try:
        reply = json.loads(response.content)
    except ValueError:
        raise UncertainError("the server's reply is empty or no JSON") from None
    if not isinstance(reply, dict):
        raise UncertainError("the server's reply is no JSON object")
    return reply


def _raise_for_status(status: int, response: requests.Response) -> NoReturn:
    code, message = _error_of(response)
    if status in _AWAY:
        raise ProviderOfflineError(
            f"the MLflow server answers {status}: {message}", retry_after(response.headers)
        )
    if status == requests.codes.request_timeout or status >= requests.codes.server_error:
        raise UncertainError(f"the MLflow server answers {status}: {message}")
    if "invalid host header" in message.lower():
        raise ProviderBlockedError(
            "the MLflow server refuses the host name in MLFLOW_TRACKING_URI. "
            "Start it with --allowed-hosts naming that host."
        )
    if status in (requests.codes.unauthorized, requests.codes.forbidden):
        raise ProviderBlockedError(
            f"the MLflow server refuses our credentials ({status}: {message}). "
            "Check MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN."
        )
    if status < requests.codes.bad_request or code in ("", "ENDPOINT_NOT_FOUND"):
        raise ProviderBlockedError(
            f"what answers at MLFLOW_TRACKING_URI is no MLflow server ({status}). Check the address."
        )
    raise MlflowRefusedError(code, message)


def _error_of(response: requests.Response) -> tuple[str, str]:
    """Returns MLflow's error code and message; an empty code where the reply isn't MLflow's."""
    try:
        reply = json.loads(response.content)
        return str(reply["error_code"]), str(reply.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", response.text[:2000]
