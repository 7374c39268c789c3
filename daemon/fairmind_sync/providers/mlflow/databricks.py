"""Runs on Databricks: MLflow's REST API, with the credentials that Databricks' own SDK finds.

MLflow's client asks through that SDK, which repeats a request for minutes while Databricks is away. So the
SDK only authenticates here.
"""

from __future__ import annotations

from typing import NoReturn

import requests
from databricks.sdk.config import Config
from mlflow.utils.rest_utils import MlflowHostCreds

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.causes import causes, in_words
from fairmind_sync.providers.mlflow.http_runs import HttpRuns
from fairmind_sync.providers.mlflow.http_server import HttpServer
from fairmind_sync.providers.mlflow.package_client import PackageClient
from fairmind_sync.providers.mlflow.runs_api import RunPlace, StoreRefusedError
from fairmind_sync.providers.tls import TlsVariables
from fairmind_sync.redaction import redact
from fairmind_sync.text import shorten

_PATIENCE_S = 5
"""So long the SDK may repeat what it asks in order to authenticate."""


_VARIABLES = TlsVariables(
    server="Databricks",
    address="DATABRICKS_HOST",
    authorities="REQUESTS_CA_BUNDLE",
    own_certificate="Have it let us in without one.",
)


class _NoArtifacts:
    """Databricks keeps a run's files where only its own SDK may put them."""

    def store(self, _run: RunPlace, _path: str, _content: bytes) -> NoReturn:
        raise StoreRefusedError(
            "Databricks takes no files by MLflow's REST API; for the report, run: "
            "fairmind-sync report TEST_ID"
        )

    def read(self, _run: RunPlace, _path: str) -> None:
        """Returns None: nothing was stored."""


class DatabricksRuns(HttpRuns):
    """A `RunsApi` on the workspace of `databricks`, or of a profile: `databricks://profile`."""

    def __init__(self, uri: str) -> None:
        config = _config(uri.partition("://")[2] or None)
        host = str(config.host).rstrip("/")

        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers.update(config.authenticate())
            if workspace_id := getattr(config, "workspace_id", None):
                request.headers["X-Databricks-Org-Id"] = str(workspace_id)
            return request

        client = PackageClient(lambda: MlflowHostCreds(host), sign)
        server = HttpServer(host, client, _VARIABLES)
        super().__init__(server, host, _NoArtifacts())

    def experiment_id(self, name: str) -> str:
        if not name.startswith("/"):
            raise ProviderBlockedError(
                f"MLFLOW_EXPERIMENT_NAME is {shorten(name, 100)!r}: on Databricks it must begin with "
                "/Users/ and your name there, or with /Shared/."
            )
        return super().experiment_id(name)

    def run_url(self, experiment_id: str, run_id: str) -> str | None:
        return f"{self._pages}/ml/experiments/{experiment_id}/runs/{run_id}"


def _config(profile: str | None) -> Config:
    try:
        return Config(
            profile=profile, retry_timeout_seconds=_PATIENCE_S, http_timeout_seconds=_PATIENCE_S
        )
    except Exception as error:
        if any(
            isinstance(cause, (requests.RequestException, TimeoutError)) for cause in causes(error)
        ):
            raise ProviderOfflineError(
                f"Databricks can't be reached: {redact(in_words(error))}"
            ) from error
        raise ProviderBlockedError(
            f"Databricks can't be used as it is set up: {redact(str(error))} "
            "Set DATABRICKS_HOST and DATABRICKS_TOKEN, or log in by 'databricks auth login'."
        ) from error
