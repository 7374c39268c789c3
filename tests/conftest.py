"""What every test stands on: a clean environment, a database of its own, real servers where asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Engine

from fairmind_sync.demo.tracking_server import free_port, tracking_server
from fairmind_sync.settings import Settings, current_settings
from fairmind_sync.storage import schema
from tests.standins.wandb import StandInWandb, serve_wandb
from tests.support.next_version import NextVersion, pretend
from tests.support.postgres import PostgresServer, postgres_server

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
    current_settings.cache_clear()
    yield
    current_settings.cache_clear()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that are marked `both_databases` run on each."""
    is_on_both = metafunc.definition.get_closest_marker("both_databases") is not None
    for url in ("database_url", "empty_database_url"):
        if is_on_both and url in metafunc.fixturenames:
            metafunc.parametrize(url, ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Shared by the tests of one process."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a database that isn't there yet; of one with today's schema in PostgreSQL."""
    yield from _database_url(request, tmp_path, PostgresServer.new_database_of_today)


@pytest.fixture
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a database that has no schema yet."""
    yield from _database_url(request, tmp_path, PostgresServer.new_database)


def _database_url(
    request: pytest.FixtureRequest, place: Path, new: Callable[[PostgresServer], str]
) -> Iterator[str]:
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite:///{place / 'database' / 'fairmind-sync.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = new(server)
    url = server.url(name)
    yield url
    server.drop(name)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty database with today's schema."""
    engine = schema.ready_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NextVersion:
    """Pretends that this code is a version further on, whose migration does what the test says."""
    return partial(pretend, tmp_path, monkeypatch)


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
        # Its first look into its database takes seconds.
        search = f"{uri}/api/2.0/mlflow/experiments/search"
        httpx2.get(search, params={"max_results": 1}, timeout=60).raise_for_status()
        yield uri


@pytest.fixture
def wandb_standin() -> Iterator[StandInWandb]:
    with serve_wandb(api_keys={API_KEY}) as standin:
        yield standin
