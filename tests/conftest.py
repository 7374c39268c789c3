"""What every test stands on: a clean environment, a database of its own, real servers where asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync import schema, settings
from fairmind_sync.demo.tracking_server import free_port, tracking_server
from fairmind_sync.settings import Settings
from tests.standins.wandb import StandInWandb, serve_wandb

CHECKOUT = Path(__file__).parents[1]
_PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
API_KEY = "0123456789abcdef0123456789abcdef01234567"
_OURS = ("MLOPS_", "WANDB_", "MLFLOW_", "FAIRMIND_SYNC_", "DATABRICKS_")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No variable or .env of the developer's, and a home of the test's own."""
    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "data"))
    monkeypatch.chdir(tmp_path)
    settings.current.cache_clear()
    yield
    settings.current.cache_clear()


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'database' / 'fairmind-sync.db'}"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty database with today's schema."""
    engine = schema.ready_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def configured(database_url: str) -> Settings:
    """Both providers enabled, over the test's own database."""
    return Settings(provider="both", database_url=database_url)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a user installs, built from the checkout, which stays clean."""
    place = tmp_path_factory.mktemp("wheel")
    build = [*_PIP, "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(place), str(CHECKOUT)], check=True, timeout=120)
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed_wheel(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for PYTHONPATH, ahead of the checkout."""
    site = tmp_path_factory.mktemp("site")
    install = [*_PIP, "install", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*install, str(wheel)], check=True, timeout=120)
    return site


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server, shared by the tests of one process: use an experiment of your own."""
    with tracking_server(tmp_path_factory.mktemp("mlflow"), free_port()) as uri:
        yield uri


@pytest.fixture
def wandb_standin() -> Iterator[StandInWandb]:
    with serve_wandb(api_keys={API_KEY}) as standin:
        yield standin
