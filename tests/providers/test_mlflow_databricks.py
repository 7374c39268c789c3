"""Databricks: which workspace is asked, by which credentials, and what bars it; nobody is asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import requests

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.mlflow.http_client import Reply, Request
from fairmind_sync.providers.mlflow.runs_api import RunPlace, StoreRefusedError
from fairmind_sync.providers.tls import TlsVariables
from tests.providers.mlflow_package import MlflowPackage

PACKAGE = MlflowPackage()
HOST = "https://dbc.example/X"


class Workspace:
    """In the place of Databricks' own SDK, and of the client that sends requests."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.databricks = PACKAGE.of_ours("databricks")
        self.config = SimpleNamespace(
            host=f"{HOST}/", authenticate=lambda: {"Authorization": "Bearer t"}
        )
        self.trouble: Exception | None = None
        self.opened: list[Any] = []
        self.asked: list[Request] = []
        patched.setattr(self.databricks, "Config", self._config)
        patched.setattr(self.databricks, "PackageClient", self._client)

    def _config(self, **given: object) -> object:
        self.opened.append(given)
        if self.trouble:
            raise self.trouble
        return self.config

    def _client(self, host_creds: Any, sign: Any) -> object:
        self.host_creds, self.sign = host_creds, sign
        return self

    def send(self, request: Request) -> Reply:
        self.asked.append(request)
        return Reply(200, b'{"experiment": {"experiment_id": "7"}}')

    def headers(self) -> dict[str, str]:
        return dict(self.sign(requests.Request("GET", HOST).prepare()).headers)


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Workspace:
    return Workspace(monkeypatch)


@pytest.mark.parametrize(
    ("uri", "profile"),
    [("databricks", None), ("databricks://", None), ("databricks://work", "work")],
)
def test_the_workspace_is_that_of_the_profile(
    workspace: Workspace, uri: str, profile: str | None
) -> None:
    api = workspace.databricks.DatabricksRuns(uri)
    patience = {"retry_timeout_seconds": 5, "http_timeout_seconds": 5}
    assert workspace.opened == [{"profile": profile} | patience]
    assert (workspace.host_creds().host, api._server._uri) == (HOST, HOST)
    assert api.run_url("7", "r") == f"{HOST}/ml/experiments/7/runs/r"


def test_requests_are_signed_by_databricks_own_sdk(workspace: Workspace) -> None:
    workspace.databricks.DatabricksRuns("databricks")
    assert workspace.headers() == {"Authorization": "Bearer t"}
    workspace.config.workspace_id = 12
    assert workspace.headers() == {"Authorization": "Bearer t", "X-Databricks-Org-Id": "12"}


def test_an_experiment_is_looked_for_by_its_path(workspace: Workspace) -> None:
    api = workspace.databricks.DatabricksRuns("databricks")
    assert api.experiment_id("/Shared/e") == "7"
    path = "/api/2.0/mlflow/experiments/get-by-name"
    assert workspace.asked == [Request("GET", path, params={"experiment_name": "/Shared/e"})]


@pytest.mark.parametrize(("name", "told"), [("e", "'e'"), ("x" * 200, f"'{'x' * 87}-")])
def test_an_experiment_without_a_path_blocks(workspace: Workspace, name: str, told: str) -> None:
    with pytest.raises(ProviderBlockedError) as blocked:
        workspace.databricks.DatabricksRuns("databricks").experiment_id(name)
    words = str(blocked.value)
    assert words.startswith(f"MLFLOW_EXPERIMENT_NAME is {told}")
    assert words.endswith(
        "': on Databricks it must begin with /Users/ and your name there, or with /Shared/."
    )
    assert workspace.asked == []


def test_what_is_wrong_with_the_connection_names_databricks_variables(
    workspace: Workspace,
) -> None:
    api = workspace.databricks.DatabricksRuns("databricks")
    assert api._server._variables == TlsVariables(
        server="Databricks",
        address="DATABRICKS_HOST",
        authorities="REQUESTS_CA_BUNDLE",
        own_certificate="Have it let us in without one.",
    )


def test_databricks_takes_no_files(workspace: Workspace) -> None:
    files, run = workspace.databricks.DatabricksRuns("databricks").artifacts, RunPlace("r", "")
    words = (
        "Databricks takes no files by MLflow's REST API; for the report, run: "
        "fairmind-sync report TEST_ID"
    )
    with pytest.raises(StoreRefusedError) as refused:
        files.store(run, "evidence/a.csv", b"")
    assert (str(refused.value), files.read(run, "evidence/a.csv")) == (words, None)


def _caused_by(error: Exception) -> Exception:
    caused = ValueError("default auth: cannot configure")
    caused.__cause__ = error
    return caused


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.ConnectionError("away"),
        TimeoutError("away"),
        _caused_by(TimeoutError("away")),
    ],
)
def test_a_workspace_that_is_away_is_offline(workspace: Workspace, error: Exception) -> None:
    workspace.trouble = error
    with pytest.raises(ProviderOfflineError) as away:
        workspace.databricks.DatabricksRuns("databricks")
    assert (str(away.value), away.value.__cause__) == ("Databricks can't be reached: away", error)


def test_credentials_that_are_not_there_block(workspace: Workspace) -> None:
    workspace.trouble = ValueError("default auth: cannot configure.")
    with pytest.raises(ProviderBlockedError) as blocked:
        workspace.databricks.DatabricksRuns("databricks")
    assert str(blocked.value) == (
        "Databricks can't be used as it is set up: default auth: cannot configure. "
        "Set DATABRICKS_HOST and DATABRICKS_TOKEN, or log in by 'databricks auth login'."
    )
