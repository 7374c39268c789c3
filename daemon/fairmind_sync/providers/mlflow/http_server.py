"""Sends single requests to one MLflow server, each traced and
never repeated, and raises what its replies mean.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from fairmind_sync import tracing
from fairmind_sync.providers.mlflow.http_client import HttpClient, NoReplyError, Reply, Request
from fairmind_sync.providers.mlflow.http_replies import raise_unreachable, read_reply
from fairmind_sync.providers.mlflow.runs_api import NotMlflowError
from fairmind_sync.providers.tls import TlsVariables

_REST = "/api/2.0/mlflow/"
SERVER_INFO = "/api/3.0/mlflow/server-info"
_FIRST = (SERVER_INFO, f"{_REST}experiments/get-by-name")
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
        path = f"{_REST}{endpoint}"
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
        what = request.path.removeprefix(_REST) if request.path.startswith(_REST) else "artifact"
        with tracing.current().request(request.method, what, self._uri, request.path) as answered:
            reply = self._sent(request)
            answered(reply.status)
        return reply

    def _sent(self, request: Request) -> Reply:
        try:
            return self._client.send(request)
        except NoReplyError as error:
            is_probe = request.path in _FIRST
            raise_unreachable(error, self._uri, self._variables, is_probe=is_probe)
