"""How MLflow is opened: which client reaches which store, and which variables MLflow gets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fairmind_sync.errors import ProviderBlockedError, SettingsError
from fairmind_sync.providers import mlflow
from fairmind_sync.providers.mlflow import package_needed
from fairmind_sync.providers.mlflow.http_runs import HttpRuns
from fairmind_sync.providers.mlflow.provider import MlflowProvider
from fairmind_sync.providers.mlflow.thin_client import ThinClient
from fairmind_sync.redaction import passwords_in
from fairmind_sync.settings import Settings, load_settings

OURS = ("MLFLOW_", "DATABRICKS_")
DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
PACKAGE = "fairmind_sync.providers.mlflow"


@pytest.fixture(autouse=True)
def _variables_are_put_back() -> Iterator[None]:
    variables = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(variables)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is opened instead of MLflow's package: each with what it is given."""
    given: list[Any] = []

    def noted(name: str) -> Any:
        def made(*asked: object) -> str:
            given.append((name, *asked))
            return name

        return made

    members = {
        "databricks": {"DatabricksRuns": noted("databricks")},
        "client_runs": {"ClientRuns": noted("runs")},
        "stores": {"open_client": noted("client")},
    }
    for name, found in members.items():
        module = ModuleType(f"{PACKAGE}.{name}")
        vars(module).update(found)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(mlflow, name, module, raising=False)
    return given


def open_(**settings: Any) -> Any:
    found = mlflow.open_provider(Settings(**settings))
    assert isinstance(found, MlflowProvider)
    return found


def of_mlflow() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(OURS)}


def test_mlflow_is_told_to_be_quick_and_quiet() -> None:
    open_(mlflow_tracking_uri="http://h")
    assert of_mlflow() == DEFAULTS


def test_what_somebody_set_stays_and_loses_white_space(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DEFAULTS:
        monkeypatch.setenv(name, "3")
    trimmed = ("MLFLOW_TRACKING_TOKEN", "DATABRICKS_TOKEN", "DATABRICKS_HOST")
    for name in trimmed:
        monkeypatch.setenv(name, " t\n")
    open_(mlflow_tracking_uri="http://h")
    assert of_mlflow() == dict.fromkeys(DEFAULTS, "3") | dict.fromkeys(trimmed, "t")


@pytest.mark.parametrize(
    ("public_url", "page"), [(None, "http://h/X/#/"), ("https://pages", "https://pages/#/")]
)
def test_a_server_is_reached_without_mlflows_package(public_url: str | None, page: str) -> None:
    given: dict[str, Any] = {"mlflow_tracking_uri": "  http://ann:pw@h/X//"}
    given |= {"mlflow_public_url": public_url}
    provider = open_(**given)
    api = provider._api
    assert isinstance(api, HttpRuns)
    assert isinstance(api._server._client, ThinClient)
    assert api._server._uri == "http://ann:pw@h/X"
    assert api.artifacts._server is api._server  # type: ignore[attr-defined]
    assert api.run_url("7", "r") == f"{page}experiments/7/runs/r"
    assert provider._settings == Settings(**given | {"mlflow_tracking_uri": "http://ann:pw@h/X//"})


def test_a_server_that_needs_the_package_is_reached_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    module, asked = ModuleType(f"{PACKAGE}.package_client"), list[str]()

    def needed(uri: str) -> bool:
        asked.append(uri)
        return True

    vars(module).update(client_of=lambda uri: f"the client of {uri}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(mlflow, "package_client", module, raising=False)
    monkeypatch.setattr(package_needed, "is_needed_for", needed)
    api = open_(mlflow_tracking_uri="http://h")._api
    assert (api._server._client, asked) == ("the client of http://h", ["http://h"])


@pytest.mark.parametrize("uri", ["databricks", "databricks://profile"])
def test_databricks_is_reached_as_its_own_sdk_says(opened: list[Any], uri: str) -> None:
    assert (open_(mlflow_tracking_uri=uri)._api, opened) == ("databricks", [("databricks", uri)])


@pytest.mark.parametrize("public_url", [None, "https://pages"])
def test_a_store_is_reached_by_mlflows_client(opened: list[Any], public_url: str | None) -> None:
    uri = "sqlite:////a.db"
    api = open_(mlflow_tracking_uri=uri, mlflow_public_url=public_url)._api
    assert (api, opened) == ("runs", [("client", uri), ("runs", "client", public_url)])


def test_an_address_that_is_none_blocks() -> None:
    with pytest.raises(ProviderBlockedError, match="MLFLOW_TRACKING_URI"):
        open_(mlflow_tracking_uri="http://")


@pytest.mark.parametrize(
    "name",
    ["MLFLOW_PUBLIC_URL", "NAMES", "EVIDENCE", "PUBLIC_URL", "MLFLOW_MODEL_TAGS", "FIND_LOST_RUNS"],
)
def test_a_setting_that_makes_no_sense_is_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"FAIRMIND_SYNC_{name}", "%%%")
    with pytest.raises(SettingsError, match=f"^wrong setting: FAIRMIND_SYNC_{name}"):
        mlflow.open_provider(load_settings())


def test_secrets_are_those_of_variables_file_and_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "home" / ".mlflow"
    folder.mkdir(parents=True)
    (folder / "credentials").write_text("[mlflow]\nmlflow_tracking_password = four\n")
    names = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "DATABRICKS_TOKEN")
    for name, value in zip(names, ("one", "two", "three"), strict=True):
        monkeypatch.setenv(name, value)
    uri = "http://ann:five@h"
    found = mlflow.secrets(Settings(mlflow_tracking_uri=uri))
    assert found == ["one", "two", "three", "four", *passwords_in(uri)]


def test_a_file_of_credentials_that_makes_no_sense_holds_no_secret(tmp_path: Path) -> None:
    folder = tmp_path / "home" / ".mlflow"
    folder.mkdir(parents=True)
    (folder / "credentials").write_bytes(b"\xff")
    assert mlflow.secrets(Settings(mlflow_tracking_uri="http://h")) == ["", "", "", ""]


def test_mlflow_documents_no_rate() -> None:
    assert mlflow.runs_per_second(Settings()) is None  # type: ignore[func-returns-value]


def test_remarks_are_those_of_the_settings() -> None:
    (remark,) = mlflow.remarks(Settings(mlflow_tracking_uri="./mlruns"))
    assert remark.what == "MLflow's store"
