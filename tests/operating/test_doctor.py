"""What the doctor finds, and what it tells to do."""

from __future__ import annotations

import json
import resource
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from fairmind_sync import temporary_files
from fairmind_sync.clock import utc_now
from fairmind_sync.operating import database_checks, doctor
from fairmind_sync.operating.finding import Finding
from fairmind_sync.outbox import heartbeat
from fairmind_sync.storage import sqlite_file
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import hand_overs_table
from tests.conftest import API_KEY
from tests.handover.world import world
from tests.standins.wandb import StandInWandb
from tests.support.deliveries import dead, save
from tests.support.processes import command


@pytest.fixture(autouse=True)
def _enabled(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    enable(monkeypatch, database_url)


def enable(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    """One provider, which takes runs."""
    monkeypatch.setenv("MLOPS_PROVIDER", "mlflow")
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", database_url)
    monkeypatch.setattr(doctor, "_in_worker", lambda *_arguments: None)


def finding(check: str) -> Finding:
    return next(found for found in doctor.examine() if found.check == check)


@pytest.mark.both_databases
def test_a_sound_installation_has_no_finding(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_checks, "_DURABLE", ())  # which servers are that nobody tests
    assert [found for found in doctor.examine() if not found.is_ok] == []


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_API_PORT", "many")
    assert "FAIRMIND_SYNC_API_PORT" in finding("settings").detail


def test_no_provider_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_PROVIDER", "none")
    assert finding("settings").remedy == "Set MLOPS_PROVIDER to wandb, mlflow or both."


def test_a_file_that_is_no_database_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "notes").write_bytes(b"notes" * 1000)
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", f"sqlite:///{tmp_path / 'notes'}")
    assert "is damaged" in finding("database").detail


def test_a_database_that_others_may_read_is_a_finding(engine: Engine) -> None:
    file = sqlite_file.file_of(engine)
    file.chmod(0o644)
    assert str(finding("file modes").remedy).startswith(f"Run: chmod go-rwx {file}")


def test_little_space_is_a_finding(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "free_bytes", lambda _engine: 5 * 1024**2)
    assert (finding("disk").detail, finding("disk").is_ok) == ("5 MB are free", False)


def test_a_large_log_is_a_finding(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "wal_size", lambda _engine: 100 * 1024**2)
    assert not finding("write-ahead log").is_ok


@pytest.mark.both_databases
def test_a_clock_that_was_set_back_is_a_finding(engine: Engine) -> None:
    save(engine, "mlflow", now=utc_now() + timedelta(hours=3))
    assert not finding("clock").is_ok


@pytest.mark.both_databases
def test_a_result_that_is_dated_ahead_says_nothing_of_the_clock(engine: Engine) -> None:
    """As FairMind's own files are, which have the local time of Tokyo without its zone."""
    save(engine, "mlflow", now=utc_now(), created_at=utc_now() + timedelta(hours=9))
    assert finding("clock").is_ok


@pytest.mark.both_databases
def test_dead_deliveries_are_a_finding(engine: Engine) -> None:
    dead(engine)
    assert finding("mlflow deliveries").remedy == (
        "Run: fairmind-sync runs --status dead --provider mlflow"
    )


@pytest.mark.both_databases
def test_deliveries_that_wait_for_no_daemon_are_a_finding(engine: Engine) -> None:
    save(engine, "mlflow", now=utc_now())
    assert finding("mlflow deliveries").remedy == "Run: fairmind-sync run"


@pytest.mark.both_databases
def test_deliveries_that_wait_for_hours_are_a_finding(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "any_alive", lambda *_arguments: True)
    save(engine, "mlflow", now=utc_now() - timedelta(hours=3))
    assert "the oldest since" in finding("mlflow deliveries").detail


@pytest.mark.parametrize(("days", "expected"), [(29, []), (31, ["handed over"])])
def test_what_went_to_another_site_and_was_not_heard_of_for_a_month_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, expected: list[str]
) -> None:
    home, courier, _ = world(tmp_path)
    home.save()
    home.export(courier)
    with writing(home.engine) as connection:
        ago = utc_now() - timedelta(days=days)
        connection.execute(update(hand_overs_table).values(handed_over_at=ago))
    enable(monkeypatch, home.engine.url.render_as_string())
    found = [one for one in doctor.examine() if "another site" in one.detail]
    assert [one.check for one in found] == expected
    assert all("fairmind-sync bundle take-back" in str(one.remedy) for one in found)


@pytest.mark.both_databases
def test_a_blocked_provider_is_a_finding(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_in_worker", lambda *_arguments: ("blocked", "no key"))
    found = finding("mlflow")
    assert (found.detail, found.remedy) == (
        "no key",
        "Fix that, then run: fairmind-sync resume mlflow",
    )


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("the MLflow server can't be reached: no route", "Check the address and the network"),
        ("the MLflow server answers 503: later", "Look at that server's log"),
    ],
)
def test_a_provider_that_is_offline_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, reason: str, remedy: str
) -> None:
    monkeypatch.setattr(doctor, "_in_worker", lambda *_arguments: ("offline", reason))
    found = finding("mlflow")
    told = (found.detail, str(found.remedy).partition(";")[0])
    assert told == (reason, remedy)


def test_words_of_several_lines_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_in_worker", lambda *_arguments: ("blocked", "no\n  key"))
    assert finding("mlflow").detail == "no key"


def test_the_command_checks_real_providers_and_tells_by_its_exit_code(
    wandb_standin: StandInWandb, database_url: str
) -> None:
    env = {
        "MLOPS_PROVIDER": "wandb",
        "WANDB_BASE_URL": wandb_standin.base_url,
        "FAIRMIND_SYNC_DATABASE_URL": database_url,
    }
    well = command("doctor", "--json", env=env | {"WANDB_API_KEY": API_KEY}, check=False)
    ill = command("doctor", env=env | {"WANDB_API_KEY": "f" * 40}, check=False)
    assert (well.returncode, all(one["ok"] for one in json.loads(well.stdout))) == (0, True)
    assert (ill.returncode, "fairmind-sync resume wandb" in ill.stdout) == (1, True)


def test_no_room_for_temporary_files_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary_files, "free_bytes", lambda _directory: 5 * 1024**2)
    found = finding("temporary files")
    assert (found.is_ok, found.detail.startswith("only 5 MB")) == (False, True)
    assert "TMPDIR" in (found.remedy or "")


@pytest.mark.parametrize(
    ("files", "is_told"), [(64, True), (511, True), (512, False), (resource.RLIM_INFINITY, False)]
)
def test_a_low_limit_of_open_files_is_found(
    monkeypatch: pytest.MonkeyPatch, files: int, is_told: bool
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (files, files))
    found = [one for one in doctor.examine() if one.check == "open files"]
    assert [(f"{files} files" in one.detail, one.is_ok) for one in found] == [
        (True, False)
    ] * is_told


def test_a_directory_of_temporary_files_that_is_gone_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    found = finding("temporary files")
    assert (found.is_ok, "gone, which can't be used" in found.detail) == (False, True)


def test_a_misspelt_variable_is_told_and_nothing_is_wrong(
    monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_REDCAT", "metadata.email")
    (found,) = [one for one in doctor.examine() if one.detail.startswith("unknown")]
    told = "unknown: FAIRMIND_SYNC_REDCAT; did you mean FAIRMIND_SYNC_REDACT?"
    assert (found.detail, found.is_ok, found.is_warning) == (told, True, True)


def test_a_warning_is_told_with_its_remedy(database_url: str) -> None:
    env = {"FAIRMIND_SYNC_DATABASE_URL": database_url, "FAIRMIND_SYNC_PORT": "1"}
    ended = command("doctor", env=env, check=False).stdout
    told = "WARN  variables: unknown: FAIRMIND_SYNC_PORT; did you mean FAIRMIND_SYNC_API_PORT?"
    assert f"{told}\n      Correct the name" in ended
