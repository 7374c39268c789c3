"""When requests to an MLflow server go by MLflow's own package."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow import package_needed
from fairmind_sync.providers.mlflow.http_runs import open_server

SERVER = "https://mlflow.example"


def plugin(place: Path, group: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs a package with an entry point, as far as its metadata go."""
    metadata = place / "a_plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: a-plugin\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = a_plugin:Plugin\n")
    monkeypatch.syspath_prepend(place)


def test_a_usual_server_needs_no_package() -> None:
    assert not package_needed.is_needed_for(SERVER)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MLFLOW_TRACKING_AUTH", "kubernetes"),
        ("MLFLOW_TRACKING_AWS_SIGV4", "true"),
        ("DATABRICKS_RUNTIME_VERSION", "15.4"),
    ],
)
def test_a_variable_that_changes_requests_needs_it(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert package_needed.is_needed_for(SERVER)


def test_a_signature_that_is_not_wanted_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_AWS_SIGV4", "false")
    assert not package_needed.is_needed_for(SERVER)


def test_a_signature_that_is_neither_true_nor_false_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_AWS_SIGV4", "yes")
    with pytest.raises(ProviderBlockedError, match="MLFLOW_TRACKING_AWS_SIGV4 must be true"):
        package_needed.is_needed_for(SERVER)


def test_a_plugin_for_headers_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, "mlflow.request_header_provider", "unused", monkeypatch)
    assert package_needed.is_needed_for(SERVER)


@pytest.mark.parametrize(("scheme", "is_needed"), [("https", True), ("http", False)])
def test_a_plugin_for_the_scheme_needs_it(
    tmp_path: Path, scheme: str, is_needed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin(tmp_path, "mlflow.tracking_store", scheme, monkeypatch)
    assert package_needed.is_needed_for(f"{SERVER}:443") == is_needed


@pytest.mark.system  # the import of MLflow's package starts a process
@pytest.mark.parametrize(("variable", "kind"), [("", "ThinClient"), ("any", "PackageClient")])
def test_what_is_needed_is_opened(
    variable: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_AUTH", variable)
    assert type(open_server(SERVER)._server._client).__name__ == kind
