from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.standins.mlflow_proxy import MlflowProxy, mlflow_proxy
from tests.support.certificates import issued, self_signed

if TYPE_CHECKING:
    from tests.providers.rest_clients import NotingServer


@pytest.fixture
def proxy(mlflow_uri: str) -> Iterator[MlflowProxy]:
    """In front of the run's MLflow server."""
    with mlflow_proxy(mlflow_uri) as proxy:
        yield proxy


@pytest.fixture
def noting_server() -> Iterator[NotingServer]:
    from tests.providers.rest_clients import NotingServer

    server = NotingServer()
    yield server
    server.stop()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder, empty; and a short time-out of MLflow's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    return tmp_path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with an authority's certificate and key."""
    return self_signed(tmp_path_factory.mktemp("certificates"), "authority")


@pytest.fixture(scope="module")
def shown(authority: Path) -> Path:
    """A file with a server's certificate, which the authority vouches for, and its key."""
    return issued(authority, "shown")
