"""What every test stands on: a clean environment, a database of its own, real servers where asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import tiers
from tests.support.collecting import compiled_once, without_garbage
from tests.support.diagonals import some_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.settings import Settings
    from tests.standins.wandb import StandInWandb
    from tests.support.next_version import NextVersion
    from tests.support.postgres import PostgresServer

CHECKOUT = Path(__file__).parents[1]
_PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
API_KEY = "0123456789abcdef0123456789abcdef01234567"
_DATABASES = ("sqlite", "postgresql")
_OURS = ("MLOPS_", "WANDB_", "MLFLOW_", "FAIRMIND_SYNC_", "DATABRICKS_", "OTEL_")


@pytest.hookimpl(tryfirst=True)  # before xdist reads its options
def pytest_cmdline_main(config: pytest.Config) -> None:
    """`pytest` alone runs in several processes; a file or a test named on the command line in one."""
    options = config.option
    if getattr(options, "hypothesis_profile", None) == "nightly":
        from hypothesis import settings

        settings.register_profile("nightly", derandomize=False, deadline=None, print_blob=True)
    is_asked = getattr(options, "numprocesses", 0) is not None or hasattr(config, "workerinput")
    if is_asked or options.collectonly or options.usepdb:
        return
    options.numprocesses = tiers.processes_for(config.args, options.markexpr)
    if options.numprocesses:
        options.dist = "worksteal"


def pytest_configure(config: pytest.Config) -> None:
    """Whatever a run starts ends with it; also the workers of xdist."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        from tests.support.ending import end_with_parent

        end_with_parent()
    elif not config.option.collectonly:
        from tests.support.broom import mark_this_run, place_in_memory

        mark_this_run()
        # A disk's fsyncs are a quarter of a run.
        if config.option.basetemp is None and getattr(config.option, "numprocesses", None):
            config.option.basetemp = place_in_memory("files")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    with without_garbage(), compiled_once():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Iterator[None]:
    """Tests get their tier before `-m` chooses by it; the chosen ones are dealt to xdist's workers."""
    for item in items:
        tiers.mark_tier(item)
    yield
    if processes := getattr(config, "workerinput", {}).get("workercount"):
        items[:] = tiers.dealt(items, processes)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with tiers.in_process(item):
        return (yield)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No variable or .env of the developer's, and a home of the test's own."""
    _clean(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    _forget_settings()
    yield
    _forget_settings()


@pytest.fixture(scope="session")
def _shared_sql() -> None:
    from tests.support import compiled_sql

    compiled_sql.share()


@pytest.fixture(scope="module")
def shared_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory for what a file's tests share, and an environment as clean as a test's."""
    place = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patched:
        _clean(patched, place)
        yield place


def _clean(patched: pytest.MonkeyPatch, place: Path) -> None:
    for name in list(os.environ):
        if name.startswith(_OURS):
            patched.delenv(name)
    patched.setenv("HOME", str(place / "home"))
    patched.setenv("XDG_DATA_HOME", str(place / "home" / "data"))


def _forget_settings() -> None:
    settings = sys.modules.get("fairmind_sync.settings")
    if settings is not None:
        settings.current_settings.cache_clear()
    tracing = sys.modules.get("fairmind_sync.tracing")
    if tracing is not None:
        tracing.end()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that are marked `both_databases` run on each, of those that are `mostly_sqlite` a third."""
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    if not marks.isdisjoint({"both_databases", "mostly_sqlite"}):
        is_third = zlib.crc32(metafunc.function.__name__.encode()) % 3 == 0
        databases = some_of(_DATABASES, 2 if "both_databases" in marks or is_third else 1)
        for url in {"database_url", "empty_database_url"}.intersection(metafunc.fixturenames):
            metafunc.parametrize(url, databases, indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Shared by all tests of a run."""
    from tests.support.postgres import PostgresServer
    from tests.support.run_servers import server_of_this_run

    server = PostgresServer.of_another_process(Path(server_of_this_run("postgresql")))
    yield server
    server.disconnect()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a database file that has today's schema."""
    from fairmind_sync.storage import schema
    from fairmind_sync.storage.engine import open_engine

    place = tmp_path_factory.mktemp("template") / "database"
    engine = open_engine(_sqlite_url(place))
    schema.create_if_missing(engine)
    engine.dispose()
    return place


@pytest.fixture
def database_url(
    request: pytest.FixtureRequest, tmp_path: Path, _shared_sql: None
) -> Iterator[str]:
    """Of a database with today's schema: a copy of one that is made once."""

    def copied() -> str:
        place = tmp_path / "database"
        shutil.copytree(request.getfixturevalue("sqlite_template"), place)
        return _sqlite_url(place)

    yield from _database_url(request, copied, lambda server: server.new_database_of_today())


@pytest.fixture
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a database that has no schema yet; of a file that isn't there yet."""
    yield from _database_url(
        request, lambda: _sqlite_url(tmp_path / "database"), lambda server: server.new_database()
    )


def _sqlite_url(place: Path) -> str:
    return f"sqlite:///{place / 'fairmind-sync.db'}"


def _database_url(
    request: pytest.FixtureRequest,
    new_file: Callable[[], str],
    new_on_server: Callable[[PostgresServer], str],
) -> Iterator[str]:
    if getattr(request, "param", "sqlite") == "sqlite":
        url = new_file()
        yield url
        _let_go(url)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = new_on_server(server)
    url = server.url(name)
    yield url
    server.drop(name)


def _let_go(url: str) -> None:
    storage = sys.modules.get("fairmind_sync.storage.engine")
    if storage is not None:
        storage.let_go(url)


@pytest.fixture
def engine(database_url: str) -> Engine:
    """An empty database with today's schema."""
    from fairmind_sync.storage import schema

    return schema.ready_engine(database_url)


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NextVersion:
    """Pretends that this code is a version further on, whose migration does what the test says."""
    from tests.support.next_version import pretend

    return partial(pretend, tmp_path, monkeypatch)


@pytest.fixture
def configured(database_url: str) -> Settings:
    """Both providers enabled, over the test's own database."""
    from fairmind_sync.settings import Settings

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
def mlflow_uri() -> str:
    """A real MLflow server, shared by all tests of a run: use an experiment of your own."""
    from tests.support.run_servers import server_of_this_run

    return server_of_this_run("mlflow")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port of 127.0.0.1 where nobody listens, and which nobody else is given."""
    from fairmind_sync.demo.tracking_server import held_port

    with held_port() as port:
        yield port


@pytest.fixture
def wandb_standin() -> Iterator[StandInWandb]:
    from tests.standins.wandb import serve_wandb

    with serve_wandb(api_keys={API_KEY}) as standin:
        yield standin
