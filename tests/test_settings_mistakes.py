"""What a wrong setting says, and that no message repeats a secret."""

from __future__ import annotations

import pickle
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
    ("MLOPS_PROVIDER", "none,mlflow"),
    ("FAIRMIND_SYNC_MLFLOW_PUBLIC_URL", "mlflow.example"),
    ("FAIRMIND_SYNC_MLFLOW_PUBLIC_URL", "https://user:password@mlflow.example"),
    ("FAIRMIND_SYNC_MLFLOW_PUBLIC_URL", "https://h/#/experiments"),
    ("FAIRMIND_SYNC_API_TOKEN", "too-short"),
    ("FAIRMIND_SYNC_MAX_BACKLOG", "-1"),
    ("FAIRMIND_SYNC_MAX_IN_FLIGHT", "0"),
    ("FAIRMIND_SYNC_WANDB_RUNS_PER_SECOND", "0"),
    ("FAIRMIND_SYNC_RETENTION", "90"),
    ("FAIRMIND_SYNC_RETENTION", "P90D"),
    ("FAIRMIND_SYNC_RETENTION", "0s"),
    ("FAIRMIND_SYNC_RETENTION", "999999d"),
    ("FAIRMIND_SYNC_NAMES", "3"),
    ("FAIRMIND_SYNC_NAMES", "first"),
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
NO_DATABASE = [
    f"mysql://user:{SECRET}@h/db",
    f"user:{SECRET}",
    f"postgresql://user:pass@h:{SECRET}/db",
    "sqlite://",
    "sqlite:///:memory:",
]


def field_of(variable: str) -> str:
    fields = Settings.model_fields.items()
    return next(field for field, info in fields if info.validation_alias == variable)


def write_env_file(text: str) -> None:
    """Into the working directory, which is the test's own."""
    Path(".env").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("variable", "text"), WRONG)
def test_a_wrong_value_counts_as_unset_and_is_told(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    as_unset = getattr(load_settings(), field_of(variable))
    monkeypatch.setenv(variable, text)
    settings = load_settings()
    (mistake,) = settings.mistakes_in()
    assert mistake.startswith(f"{variable}: ")
    assert getattr(settings, field_of(variable)) == as_unset or variable == "MLOPS_PROVIDER"


@pytest.mark.parametrize(("variable", "text"), WRONG)
def test_what_needs_a_wrong_value_gets_an_error_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingsError, match=f"^wrong setting: {variable}: "):
        load_settings().require("database_url", field_of(variable))


def test_what_does_not_need_a_wrong_value_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_API_PORT", "http")
    load_settings().require("provider", "max_attempts")


def test_mistakes_travel_to_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_API_PORT", "http")
    settings = load_settings()
    assert pickle.loads(pickle.dumps(settings)).mistakes_in() == settings.mistakes_in()  # noqa: S301 ours


def test_a_variable_of_kubernetes_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_API_PORT", "tcp://10.0.0.1:8000")
    (mistake,) = load_settings().mistakes_in()
    assert "enableServiceLinks" in mistake


@pytest.mark.parametrize(
    ("given", "enabled", "owed"),
    [
        ("mlfow", (), ("undecided",)),
        ("wandb,mlfow", ("wandb",), ("wandb", "undecided")),
        ("mlflow, wandb", ("wandb", "mlflow"), ("wandb", "mlflow")),
        (" Both ", ("wandb", "mlflow"), ("wandb", "mlflow")),
        (" ", (), ()),
    ],
)
def test_a_result_is_owed_to_whom_the_words_name(
    monkeypatch: pytest.MonkeyPatch, given: str, enabled: tuple[str, ...], owed: tuple[str, ...]
) -> None:
    monkeypatch.setenv("MLOPS_PROVIDER", given)
    settings = load_settings()
    assert (settings.enabled, settings.owed) == (enabled, owed)


@pytest.mark.parametrize("text", NO_DATABASE)
def test_without_a_database_there_are_no_settings(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", text)
    with pytest.raises(SettingsError, match=r"^wrong setting: FAIRMIND_SYNC_DATABASE_URL: "):
        load_settings()


@pytest.mark.parametrize("text", [text for text in NO_DATABASE if SECRET in text])
def test_an_error_never_repeats_a_secret(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", text)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert SECRET not in f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}"


def test_a_mistake_never_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_API_TOKEN", SECRET[:10])
    assert SECRET[:10] not in str(load_settings().mistakes_in())


def test_settings_made_in_code_never_repeat_a_secret_either() -> None:
    with pytest.raises(ValidationError) as raised:
        Settings(database_url=f"mysql://user:{SECRET}@h/db")
    assert SECRET not in str(raised.value)


def test_all_wrong_values_are_named_in_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_MAX_ATTEMPTS", "0")
    monkeypatch.setenv("FAIRMIND_SYNC_API_PORT", "http")
    with pytest.raises(SettingsError, match=r"MAX_ATTEMPTS: .*; FAIRMIND_SYNC_API_PORT: "):
        load_settings().require("max_attempts", "api_port")


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
