"""One MLflow server over HTTP: single requests on kept connections, that are never repeated by themselves.

MLflow's own client repeats `runs/create` when a reply is lost, and two runs exist. MLflow's `http_request`
keeps its authentication and headers and shows the real status; it is semi-public, so tests cover it and
`pyproject.toml` bounds it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_TIMEOUT
from mlflow.exceptions import MlflowException
from mlflow.utils.rest_utils import MlflowHostCreds, http_request

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow import absent_modules, quick_connections
from fairmind_sync.providers.mlflow.http_replies import raise_unreachable, read_reply
from fairmind_sync.providers.mlflow.runs_api import NotMlflowError
from fairmind_sync.providers.tls import TlsVariables

LONGEST_TIMEOUT_S = 14
"""Three requests that take so long end before the watchdog takes their batch for hung."""
SERVER_INFO = "/api/3.0/mlflow/server-info"
_FIRST = (SERVER_INFO, "/api/2.0/mlflow/experiments/get-by-name")
_APART = 3
"""Of no effect without repetitions, but MLflow keeps connections for each value."""
_VARIABLES = TlsVariables(
    server="the MLflow server",
    address="MLFLOW_TRACKING_URI",
    authorities="MLFLOW_TRACKING_SERVER_CERT_PATH or REQUESTS_CA_BUNDLE",
    own_certificate="Set MLFLOW_TRACKING_CLIENT_CERT_PATH to a file with it and its key.",
    unchecked="MLFLOW_TRACKING_INSECURE_TLS=true",
)


class HttpServer:
    """A server at a URI, with credentials from `host_creds` and what `auth` adds to each request."""

    def __init__(
        self,
        uri: str,
        host_creds: Callable[[], MlflowHostCreds],
        auth: Callable[[requests.PreparedRequest], requests.PreparedRequest],
        variables: TlsVariables = _VARIABLES,
    ) -> None:
        quick_connections.install()
        absent_modules.remember()
        self._uri = uri
        self._host_creds = host_creds
        self._auth = auth
        self._variables = variables
        self._timeout = _timeout()

    def call(self, method: str, endpoint: str, **fields: Any) -> dict[str, Any]:
        """Returns the reply of MLflow's REST API as a dictionary; raises as `RunsApi` does."""
        carried: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
        path = f"/api/2.0/mlflow/{endpoint}"
        if endpoint.startswith("experiments/"):
            with suppress(NotMlflowError):  # a single page may be a disturbance: asked once more
                return read_reply(self.request(method, path, **carried), endpoint)
        return read_reply(self.request(method, path, **carried), endpoint)

    def request_apart(self, method: str, path: str, **carried: Any) -> requests.Response:
        """Does as `request` on connections of its own.

        A server that fails at a file closes the connection a moment later, without a word: another request on
        it would be lost.
        """
        return self.request(method, path, backoff_factor=_APART, **carried)

    def request(self, method: str, path: str, **carried: Any) -> requests.Response:
        """Returns the reply, whatever its status.

        Raises:
            ProviderUnavailableError: no request would get through; NotSentError, if this one was never sent.
            UncertainError: the server may or may not have done what was asked.
        """
        try:
            response: requests.Response = http_request(
                self._host_creds(),
                path,
                method,
                timeout=self._timeout,
                max_retries=0,
                raise_on_status=False,
                allow_redirects=False,
                auth=self._auth,
                **carried,
            )
        except MlflowException as error:
            raise_unreachable(error, self._uri, self._variables, is_probe=path in _FIRST)
        return response


def _timeout() -> float:
    """Returns MLflow's own time-out for a request, in seconds, as far as a batch has time for it."""
    try:
        return float(min(MLFLOW_HTTP_REQUEST_TIMEOUT.get(), LONGEST_TIMEOUT_S))
    except ValueError:
        raise ProviderBlockedError(
            "MLFLOW_HTTP_REQUEST_TIMEOUT must be a whole number of seconds."
        ) from None
