"""One MLflow server over HTTP: single requests, that are never repeated by themselves."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from fairmind_sync.providers.mlflow.http_client import HttpClient, NoReplyError, Reply, Request
from fairmind_sync.providers.mlflow.http_replies import raise_unreachable, read_reply
from fairmind_sync.providers.mlflow.runs_api import NotMlflowError
from fairmind_sync.providers.tls import TlsVariables

SERVER_INFO = "/api/3.0/mlflow/server-info"
_FIRST = (SERVER_INFO, "/api/2.0/mlflow/experiments/get-by-name")
VARIABLES = TlsVariables(
    server="the MLflow server",
    address="MLFLOW_TRACKING_URI",
    authorities="MLFLOW_TRACKING_SERVER_CERT_PATH or REQUESTS_CA_BUNDLE",
    own_certificate="Set MLFLOW_TRACKING_CLIENT_CERT_PATH to a file with it and its key.",
    unchecked="MLFLOW_TRACKING_INSECURE_TLS=true",
)


class HttpServer:
    """A server at `uri`, asked by `client`; `variables` are those of the connection."""

    def __init__(self, uri: str, client: HttpClient, variables: TlsVariables = VARIABLES) -> None:
        self._uri = uri
        self._client = client
        self._variables = variables

    def call(self, method: str, endpoint: str, **fields: Any) -> dict[str, Any]:
        """Returns the reply of MLflow's REST API as a dictionary; raises as `RunsApi` does."""
        path = f"/api/2.0/mlflow/{endpoint}"
        asked = (
            Request(method, path, params=fields)
            if method == "GET"
            else Request(method, path, json=fields)
        )
        if endpoint.startswith("experiments/"):
            with suppress(NotMlflowError):  # a single page may be a disturbance: asked once more
                return read_reply(self.send(asked), endpoint)
        return read_reply(self.send(asked), endpoint)

    def send(self, request: Request) -> Reply:
        """Returns the reply, whatever its status.

        Raises:
            ProviderUnavailableError: no request would get through; NotSentError, if this one was never sent.
            UncertainError: the server may or may not have done what was asked.
        """
        try:
            return self._client.send(request)
        except NoReplyError as error:
            is_probe = request.path in _FIRST
            raise_unreachable(error, self._uri, self._variables, is_probe=is_probe)
