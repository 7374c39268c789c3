"""What a wrong setting says, and that no message repeats a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from fairmind_sync.errors import SettingsError
from fairmind_sync.settings import (
    Settings,
    load_settings,
)

SECRET = "s3cret-key-of-nobody"  # noqa: S105 no secret
WRONG = [
    ("MLOPS_PROVIDER", "neptune"),
    ("MLFLOW_TRACKING_URI", f"ftp://user:{SECRET}@h"),
    ("MLFLOW_TRACKING_URI", "./mlruns"),
    ("MLFLOW_TRACKING_URI", f"http://user:{SECRET}/x@h"),
    ("FAIRMIND_SYNC_DATABASE_URL", f"mysql://user:{SECRET}@h/db"),
    ("FAIRMIND_SYNC_DATABASE_URL", f"user:{SECRET}"),
    ("FAIRMIND_SYNC_DATABASE_URL", f"postgresql://user:pass@h:{SECRET}/db"),
    ("FAIRMIND_SYNC_DATABASE_URL", "sqlite://"),
    ("FAIRMIND_SYNC_DATABASE_URL", "sqlite:///:memory:"),
    ("FAIRMIND_SYNC_API_TOKEN", "too-short"),
    ("FAIRMIND_SYNC_MAX_BACKLOG", "-1"),
    ("FAIRMIND_SYNC_MAX_IN_FLIGHT", "0"),
    ("FAIRMIND_SYNC_WANDB_RUNS_PER_SECOND", "0"),
    ("FAIRMIND_SYNC_RETENTION", "90"),
    ("FAIRMIND_SYNC_RETENTION", "P90D"),
    ("FAIRMIND_SYNC_RETENTION", "0s"),
    ("FAIRMIND_SYNC_RETENTION", "999999d"),
    ("FAIRMIND_SYNC_REDACT", "email"),
    ("FAIRMIND_SYNC_REDACT", "results"),
    ("FAIRMIND_SYNC_REDACT", "user.email"),
    ("FAIRMIND_SYNC_REDACT", "results..email"),
    ("FAIRMIND_SYNC_API_PORT", "65536"),
    ("FAIRMIND_SYNC_API_PORT", "-1"),
    ("FAIRMIND_SYNC_API_PORT", "http"),
    ("FAIRMIND_SYNC_LOG_LEVEL", "loud"),
    ("FAIRMIND_SYNC_LOG_FORMAT", "xml"),
    ("FAIRMIND_SYNC_MAX_ATTEMPTS", "0"),
    ("FAIRMIND_SYNC_MAX_ATTEMPTS", "1001"),
    ("FAIRMIND_SYNC_POLL_SECONDS", "0"),
    ("FAIRMIND_SYNC_POLL_SECONDS", "nan"),
    ("FAIRMIND_SYNC_POLL_SECONDS", "inf"),
    ("FAIRMIND_SYNC_SHUTDOWN_SECONDS", "-1"),
    ("FAIRMIND_SYNC_WORKER_IDLE_SECONDS", "86401"),
]


def write_env_file(text: str) -> None:
    """Into the working directory, which is the test's own."""
    Path(".env").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("variable", "text"), WRONG)
def test_a_wrong_value_is_an_error_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingsError, match=f"^wrong setting: {variable}: "):
        load_settings()


@pytest.mark.parametrize(("variable", "text"), [row for row in WRONG if SECRET in row[1]])
def test_an_error_never_repeats_a_secret(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert SECRET not in f"{raised.value!r} {raised.value.__cause__!r}"


def test_settings_made_in_code_never_repeat_a_secret_either() -> None:
    with pytest.raises(ValidationError) as raised:
        Settings(database_url=f"mysql://user:{SECRET}@h/db")
    assert SECRET not in str(raised.value)


def test_all_wrong_values_are_named_in_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_PROVIDER", "neptune")
    monkeypatch.setenv("FAIRMIND_SYNC_API_PORT", "http")
    with pytest.raises(SettingsError, match=r"MLOPS_PROVIDER: .*; FAIRMIND_SYNC_API_PORT: "):
        load_settings()


def test_an_env_file_that_is_no_utf_8_is_a_settings_error() -> None:
    Path(".env").write_bytes(b"WANDB_PROJECT=caf\xe9\n")
    with pytest.raises(SettingsError, match=r"\.env"):
        load_settings()


@pytest.mark.parametrize("show", [repr, str])
def test_the_api_key_does_not_show(monkeypatch: pytest.MonkeyPatch, show: type[str]) -> None:
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    assert SECRET not in show(load_settings())


@pytest.mark.parametrize("show", [repr, str])
def test_the_tracking_uris_password_does_not_show(
    monkeypatch: pytest.MonkeyPatch, show: type[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:{SECRET}@h")
    assert SECRET not in show(load_settings())
