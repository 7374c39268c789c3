"""Which file of variables is read, and who is told."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairmind_sync import bias_test_results
from fairmind_sync.env_file import env_file
from fairmind_sync.errors import SettingsError
from fairmind_sync.intake import forgotten
from fairmind_sync.operating import doctor
from fairmind_sync.settings import load_settings


@pytest.fixture(autouse=True)
def _warn_anew() -> Iterator[None]:
    forgotten._warn_once.cache_clear()
    yield
    forgotten._warn_once.cache_clear()


@pytest.fixture
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, two folders below the project's."""
    place = tmp_path / "scripts" / "nightly"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    return place


def test_a_script_in_a_subfolder_reads_the_projects_file(below: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WANDB_PROJECT=of-the-project\n")
    settings = load_settings()
    assert (settings.wandb_project, settings.env_file) == ("of-the-project", tmp_path / ".env")


def test_the_nearest_file_is_read_and_no_other(below: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WANDB_PROJECT=far\nWANDB_ENTITY=far\n")
    (below.parent / ".env").write_text("WANDB_PROJECT=near\n")
    settings = load_settings()
    assert (settings.wandb_project, settings.wandb_entity) == ("near", None)


def test_a_folder_of_that_name_is_no_file(below: Path, tmp_path: Path) -> None:
    (below / ".env").mkdir()
    (tmp_path / ".env").write_text("WANDB_PROJECT=of-the-project\n")
    assert load_settings().wandb_project == "of-the-project"


@pytest.mark.parametrize("written", ["/elsewhere/variables", "elsewhere/variables", "~/variables"])
def test_the_variable_names_the_file(
    below: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    (tmp_path / ".env").write_text("WANDB_PROJECT=of-the-project\n")
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    for place in (tmp_path / "elsewhere", below / "elsewhere"):
        place.mkdir()
        (place / "variables").write_text("WANDB_PROJECT=named\n")
    if written.startswith("/"):
        written = f"{tmp_path}{written}"
    monkeypatch.setenv("FAIRMIND_SYNC_ENV_FILE", written)
    assert load_settings().wandb_project == "named"


def test_a_named_file_that_is_not_there_is_an_error_that_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_ENV_FILE", "missing")
    expected = (
        rf"{tmp_path / 'missing'}: can't be read: No such file.*FAIRMIND_SYNC_ENV_FILE names it"
    )
    with pytest.raises(SettingsError, match=expected):
        load_settings()


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=rf"{tmp_path / '.env'}: is not UTF-8 text"):
        load_settings()


def test_a_working_directory_that_was_deleted_has_no_file(below: Path) -> None:
    below.rmdir()
    assert env_file() is None
    os.chdir("/")


def test_a_mistake_in_the_file_is_remembered_beside_the_rest_of_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FAIRMIND_SYNC_API_PORT=http\nWANDB_PROJECT=p\n")
    settings = load_settings()
    assert (settings.wandb_project, len(settings.mistakes_in()), settings.env_file) == (
        "p",
        1,
        tmp_path / ".env",
    )


def told_by_doctor() -> list[str]:
    return [found.detail for found in doctor._settings(load_settings())]


def test_the_doctor_says_which_file_was_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MLOPS_PROVIDER=mlflow\n")
    assert told_by_doctor()[0] == f"the environment; {tmp_path / '.env'}"


def test_the_doctor_says_that_no_file_was_found() -> None:
    assert told_by_doctor()[0].startswith("the environment; no .env was found")


def save(number: int = 1) -> None:
    bias_test_results.save_test_result_sync(f"t{number}", None, "m", None, "ml_bias", {"a": 1})


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("line", "provider"),
    [
        ("MLFLOW_TRACKING_URI=http://h:5000", "mlflow"),
        ("MLFLOW_EXPERIMENT_NAME=e", "mlflow"),
        ("WANDB_API_KEY=k", "wandb"),
        ("WANDB_PROJECT=p", "wandb"),
    ],
)
def test_a_save_that_nobody_will_deliver_warns_once_where_delivery_seems_meant(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: str, provider: str
) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")
    save(1)
    save(2)
    (told,) = warnings(caplog)
    assert told.startswith(f"MLOps integration not available: {line.partition('=')[0]} is set")
    assert f"Set MLOPS_PROVIDER={provider};" in told


@pytest.mark.parametrize(
    "text", ["", "MLOPS_PROVIDER=none\nWANDB_API_KEY=k\n", "MLOPS_PROVIDER=both\n"]
)
def test_a_save_warns_of_nothing_that_was_meant(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    (tmp_path / ".env").write_text(text)
    save()
    assert warnings(caplog) == []
