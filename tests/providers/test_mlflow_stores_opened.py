"""How stores that are no HTTP server are opened, what bars them, and their files."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.mlflow.runs_api import RunPlace, StoreRefusedError
from tests.providers.mlflow_package import MlflowPackage, NotedClient

PACKAGE = MlflowPackage()
RUN = RunPlace("r", "s3://b")
_FILE = (
    "the database file in MLFLOW_TRACKING_URI can't be used: {}. "
    "Check the file, its folder and their modes."
)


_BRINGS = "Install the plugin of MLflow that brings it, or write http://host:port, for example."


class Opening:
    """What opens stores in the place of MLflow: `trouble` is raised once a store is opened."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.stores = PACKAGE.of_ours("stores")
        self.asked: list[str] = []
        self.trouble: Exception | None = None
        self.locked: list[bool] = []
        self.folder: Path | None = None
        patched.setattr(self.stores, "MlflowClient", self._client)

    def _client(self, *, tracking_uri: str) -> Any:
        self.asked.append(tracking_uri)
        if self.folder:
            self.locked.append(_is_locked(self.folder))
        opened = self

        class Lazily:
            @property
            def store(self) -> str:
                opened.asked.append("opened")
                if opened.trouble:
                    raise opened.trouble
                return "a store"

        return SimpleNamespace(_tracking_client=Lazily())


def _is_locked(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Opening:
    return Opening(monkeypatch)


def trouble(opening: Opening, uri: str) -> tuple[type[Exception], str]:
    with pytest.raises(Exception) as caught:  # noqa: PT011 which one is what is compared
        opening.stores.open_client(uri)
    assert caught.value.__cause__ is not None
    return caught.type, str(caught.value)


@pytest.mark.parametrize("uri", ["./mlruns", "arn:aws:sagemaker:x", "file:///a"])
def test_a_store_is_opened_at_once(opening: Opening, uri: str) -> None:
    client = opening.stores.open_client(uri)
    assert (opening.asked, hasattr(client, "_tracking_client")) == ([uri, "opened"], True)


def test_a_database_is_opened_by_one_process_at_a_time(opening: Opening, tmp_path: Path) -> None:
    opening.folder = tmp_path / "a" / "b"
    opening.stores.open_client(f"sqlite:///{opening.folder}/m.db")
    assert (opening.locked, _is_locked(opening.folder)) == ([True], False)
    assert not (opening.folder / "m.db").read_bytes()


def test_a_database_in_memory_is_opened_as_it_is(opening: Opening) -> None:
    opening.stores.open_client("sqlite://")
    opening.stores.open_client("sqlite:///:memory:")
    assert opening.asked == ["sqlite://", "opened", "sqlite:///:memory:", "opened"]


@pytest.mark.parametrize(
    ("uri", "remedy"),
    [
        ("arn:aws:sagemaker:x", "Run: pip install sagemaker-mlflow"),
        ("sqlite://", _BRINGS),
        ("azureml://h:1/x", "Run: pip install azureml-mlflow"),
        ("gopher+any://h:1", _BRINGS),
    ],
)
def test_a_scheme_that_mlflow_does_not_know_blocks(opening: Opening, uri: str, remedy: str) -> None:
    opening.trouble = PACKAGE.exceptions().MlflowException("an unsupported URI")
    scheme = uri.partition(":")[0].partition("+")[0]
    words = f"MLFLOW_TRACKING_URI begins with {scheme!r}, which MLflow doesn't know here. {remedy}"
    assert trouble(opening, uri) == (ProviderBlockedError, words)


def test_what_else_mlflow_says_stays_as_it_is(opening: Opening) -> None:
    opening.trouble = PACKAGE.exceptions().MlflowException("another trouble")
    with pytest.raises(PACKAGE.exceptions().MlflowException, match="another trouble"):
        opening.stores.open_client("file:///a")


MODULES = [("psycopg2", "psycopg2-binary"), ("MySQLdb", "mysqlclient"), ("other", "other")]


@pytest.mark.parametrize(("module", "package"), MODULES)
def test_a_missing_module_is_named_with_the_pip_command(
    opening: Opening, module: str, package: str
) -> None:
    opening.trouble = ModuleNotFoundError(name=module)
    words = (
        f"MLFLOW_TRACKING_URI needs the module {module}, which is not installed. "
        f"Run: pip install {package}"
    )
    assert trouble(opening, "file:///a") == (ProviderBlockedError, words)


def _raising(error: Exception) -> Any:
    def fail(*_given: object, **_named: object) -> None:
        raise error

    return fail


def test_a_missing_driver_is_named_before_mlflow_is_asked(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = ModuleNotFoundError(name="no_such_driver")
    monkeypatch.setattr(opening.stores, "create_engine", _raising(missing))
    words = (
        "MLFLOW_TRACKING_URI needs the module no_such_driver, which is not installed. "
        "Run: pip install no_such_driver"
    )
    assert trouble(opening, "mysql+any://h/d") == (ProviderBlockedError, words)
    assert opening.asked == []


def test_an_address_that_is_no_databases_blocks(opening: Opening) -> None:
    words = "MLFLOW_TRACKING_URI is no database's address."
    assert trouble(opening, "sqlite+none:///x") == (ProviderBlockedError, words)


def test_a_server_that_is_away_is_offline(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = OperationalError("SELECT", {}, Exception("refused"))
    monkeypatch.setattr(opening.stores, "inspect", _raising(refused))
    monkeypatch.setattr(opening.stores, "create_engine", lambda url, poolclass: (url, poolclass))
    words = "the database in MLFLOW_TRACKING_URI can't be reached: refused"
    assert trouble(opening, "postgresql://h/d") == (ProviderOfflineError, words)


def test_a_host_that_is_not_reached_is_offline(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening.stores, "create_engine", _raising(OSError("no route")))
    words = "the database in MLFLOW_TRACKING_URI can't be reached: no route"
    assert trouble(opening, "postgresql://h/d") == (ProviderOfflineError, words)


def test_a_file_that_is_no_database_blocks(opening: Opening, tmp_path: Path) -> None:
    (tmp_path / "m.db").write_bytes(b"no database" * 100)
    words = _FILE.format("file is not a database")
    assert trouble(opening, f"sqlite:///{tmp_path}/m.db") == (ProviderBlockedError, words)


def test_a_folder_that_can_not_be_made_blocks(opening: Opening, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    words = _FILE.format(f"[Errno 20] Not a directory: '{tmp_path}/file/a'")
    assert trouble(opening, f"sqlite:///{tmp_path}/file/a/m.db") == (ProviderBlockedError, words)


def test_tables_of_another_program_block(opening: Opening, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "m.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    connection.close()
    words = (
        "the database in MLFLOW_TRACKING_URI holds tables of another version of MLflow, or of another "
        "program. If it is MLflow's, back it up and run: mlflow db upgrade <its address>"
    )
    assert trouble(opening, f"sqlite:///{tmp_path}/m.db") == (ProviderBlockedError, words)
    assert opening.asked == []


def artifacts(**answers: Any) -> tuple[Any, Any]:
    client = NotedClient(**answers)
    return PACKAGE.of_ours("client_artifacts").ClientArtifacts(client), client


def test_a_runs_file_is_stored_under_its_name() -> None:
    api, client = artifacts()
    kept: list[Any] = []

    def log_artifact(run: str, file: str, folder: str) -> None:
        kept.append((run, Path(file).name, Path(file).read_bytes(), folder))

    client.log_artifact = log_artifact
    api.store(RUN, "evidence/deep/a.csv", b"a,b\n")
    assert kept == [("r", "a.csv", b"a,b\n", "evidence/deep")]


def test_a_runs_file_is_read_from_a_folder_of_its_own() -> None:
    api, client = artifacts()

    def download_artifacts(run: str, path: str, folder: str) -> str:
        file = Path(folder) / "fetched"
        file.write_text(f"{run} {path}")
        return str(file)

    client.download_artifacts = download_artifacts
    assert api.read(RUN, "evidence/a.csv") == b"r evidence/a.csv"


def test_a_runs_file_that_is_not_there_is_none() -> None:
    api, _ = artifacts(download_artifacts=FileNotFoundError())
    assert api.read(RUN, "evidence/a.csv") is None


def test_why_a_runs_files_can_not_be_stored_or_read_is_told() -> None:
    api, _ = artifacts(log_artifact=KeyError("odd"), download_artifacts=OSError("x" * 400))
    with pytest.raises(
        StoreRefusedError, match=r"^the run's files can't be stored: KeyError: 'odd'$"
    ):
        api.store(RUN, "evidence/a.csv", b"")
    with pytest.raises(StoreRefusedError) as refused:
        api.read(RUN, "evidence/a.csv")
    words = str(refused.value)
    assert (words[:45], len(words)) == ("the run's files can't be stored: OSError: xxx", 300)
