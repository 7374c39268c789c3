"""Every variable: its default, where it is read from, and what it means."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from fairmind_sync.errors import SettingsError
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.settings import (
    Settings,
    current_settings,
    load_settings,
)
from fairmind_sync.storage.url import default_database_url, passwords_of
from tests.support.variables import variables

SECRET = "s3cret-key-of-nobody"  # noqa: S105 no secret
DEFAULTS = [
    ("MLOPS_PROVIDER", "provider", "none"),
    ("WANDB_API_KEY", "wandb_api_key", None),
    ("WANDB_PROJECT", "wandb_project", "fairmind-bias-detection"),
    ("WANDB_ENTITY", "wandb_entity", None),
    ("MLFLOW_TRACKING_URI", "mlflow_tracking_uri", "http://localhost:5000"),
    ("MLFLOW_EXPERIMENT_NAME", "mlflow_experiment_name", "fairmind_bias_detection"),
    ("FAIRMIND_SYNC_MLFLOW_PUBLIC_URL", "mlflow_public_url", None),
    ("FAIRMIND_SYNC_API_HOST", "api_host", "127.0.0.1"),
    ("FAIRMIND_SYNC_API_PORT", "api_port", 8000),
    ("FAIRMIND_SYNC_API_TOKEN", "api_token", None),
    ("FAIRMIND_SYNC_API_READ_TOKEN", "api_read_token", None),
    ("FAIRMIND_SYNC_API_ALLOWED_HOSTS", "api_allowed_hosts", ()),
    ("FAIRMIND_SYNC_WEBHOOK_URL", "webhook_url", None),
    ("FAIRMIND_SYNC_WEBHOOK_SECRET", "webhook_secret", None),
    ("FAIRMIND_SYNC_WEBHOOK_AFTER", "webhook_after", timedelta(minutes=15)),
    ("FAIRMIND_SYNC_WEBHOOK_RISK", "webhook_risk", "high"),
    ("FAIRMIND_SYNC_MAX_BACKLOG", "max_backlog", 100_000),
    ("FAIRMIND_SYNC_MAX_IN_FLIGHT", "max_in_flight", 256),
    ("FAIRMIND_SYNC_WANDB_RUNS_PER_SECOND", "wandb_runs_per_second", 80),
    ("FAIRMIND_SYNC_FIND_LOST_RUNS", "find_lost_runs", False),
    ("FAIRMIND_SYNC_SITE_KEY_FILE", "site_key_file", None),
    ("FAIRMIND_SYNC_RETENTION", "retention", None),
    ("FAIRMIND_SYNC_REDACT", "redact", ()),
    ("FAIRMIND_SYNC_NAMES", "names", 2),
    ("FAIRMIND_SYNC_EVIDENCE", "evidence", "full"),
    ("FAIRMIND_SYNC_MLFLOW_MODEL_TAGS", "mlflow_model_tags", False),
    ("FAIRMIND_SYNC_PUBLIC_URL", "public_url", None),
    ("FAIRMIND_SYNC_LOG_LEVEL", "log_level", "info"),
    ("FAIRMIND_SYNC_LOG_FORMAT", "log_format", "auto"),
    ("FAIRMIND_SYNC_MAX_ATTEMPTS", "max_attempts", 12),
    ("FAIRMIND_SYNC_POLL_SECONDS", "poll_seconds", 10.0),
    ("FAIRMIND_SYNC_SHUTDOWN_SECONDS", "shutdown_seconds", 10.0),
    ("FAIRMIND_SYNC_WORKER_IDLE_SECONDS", "worker_idle_seconds", 30.0),
]
SET = [
    ("MLOPS_PROVIDER", "provider", "both", "both"),
    ("WANDB_PROJECT", "wandb_project", "p", "p"),
    ("WANDB_ENTITY", "wandb_entity", "team", "team"),
    ("MLFLOW_TRACKING_URI", "mlflow_tracking_uri", "https://h", "https://h"),
    ("MLFLOW_EXPERIMENT_NAME", "mlflow_experiment_name", "e", "e"),
    ("FAIRMIND_SYNC_MLFLOW_PUBLIC_URL", "mlflow_public_url", "https://h/b/ ", "https://h/b"),
    ("FAIRMIND_SYNC_DATABASE_URL", "database_url", "sqlite:////a/b.db", "sqlite:////a/b.db"),
    ("FAIRMIND_SYNC_API_HOST", "api_host", "0.0.0.0", "0.0.0.0"),  # noqa: S104 a text, not bound
    ("FAIRMIND_SYNC_API_PORT", "api_port", "0", 0),
    ("FAIRMIND_SYNC_API_ALLOWED_HOSTS", "api_allowed_hosts", "a.example, b", ("a.example", "b")),
    ("FAIRMIND_SYNC_WEBHOOK_AFTER", "webhook_after", "1 H", timedelta(hours=1)),
    ("FAIRMIND_SYNC_WEBHOOK_RISK", "webhook_risk", " Off", "off"),
    ("FAIRMIND_SYNC_WEBHOOK_RISK", "webhook_risk", "Critical", "critical"),
    ("FAIRMIND_SYNC_MAX_BACKLOG", "max_backlog", "0", 0),
    ("FAIRMIND_SYNC_MAX_IN_FLIGHT", "max_in_flight", "8", 8),
    ("FAIRMIND_SYNC_WANDB_RUNS_PER_SECOND", "wandb_runs_per_second", "8", 8),
    ("FAIRMIND_SYNC_FIND_LOST_RUNS", "find_lost_runs", "true", True),
    ("FAIRMIND_SYNC_SITE_KEY_FILE", "site_key_file", "/keys/site", Path("/keys/site")),
    ("FAIRMIND_SYNC_RETENTION", "retention", " 90D ", timedelta(days=90)),
    ("FAIRMIND_SYNC_RETENTION", "retention", "12 h", timedelta(hours=12)),
    ("FAIRMIND_SYNC_RETENTION", "retention", "30m", timedelta(minutes=30)),
    ("FAIRMIND_SYNC_RETENTION", "retention", "45s", timedelta(seconds=45)),
    ("FAIRMIND_SYNC_RETENTION", "retention", "Off", None),
    ("FAIRMIND_SYNC_REDACT", "redact", "metadata.a **.b", ("metadata.a", "**.b")),
    ("FAIRMIND_SYNC_NAMES", "names", "1", 1),
    ("FAIRMIND_SYNC_EVIDENCE", "evidence", "None", "none"),
    ("FAIRMIND_SYNC_MLFLOW_MODEL_TAGS", "mlflow_model_tags", "true", True),
    ("FAIRMIND_SYNC_PUBLIC_URL", "public_url", "https://h/b/ ", "https://h/b"),
    ("FAIRMIND_SYNC_LOG_LEVEL", "log_level", "debug", "debug"),
    ("FAIRMIND_SYNC_LOG_FORMAT", "log_format", "json", "json"),
    ("FAIRMIND_SYNC_MAX_ATTEMPTS", "max_attempts", "1", 1),
    ("FAIRMIND_SYNC_POLL_SECONDS", "poll_seconds", "0.5", 0.5),
    ("FAIRMIND_SYNC_SHUTDOWN_SECONDS", "shutdown_seconds", "0", 0.0),
    ("FAIRMIND_SYNC_WORKER_IDLE_SECONDS", "worker_idle_seconds", "86400", 86_400.0),
]


def write_env_file(text: str) -> None:
    """Into the working directory, which is the test's own."""
    Path(".env").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("variable", "field", "default"), DEFAULTS, ids=[d[0] for d in DEFAULTS])
def test_a_variable_that_is_not_set_has_its_default(
    variable: str, field: str, default: object
) -> None:
    assert getattr(load_settings(), field) == default


def test_the_database_lies_in_the_users_data_by_default(tmp_path: Path) -> None:
    file = tmp_path / "home" / "data" / "fairmind-sync" / "fairmind-sync.db"
    assert load_settings().database_url == f"sqlite:///{file}"


def test_every_variable_is_tested_here() -> None:
    assert set(variables()) == {row[0] for row in DEFAULTS} | {row[0] for row in SET}


@pytest.mark.parametrize(("variable", "field", "text", "value"), SET, ids=[s[0] for s in SET])
def test_a_variable_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, field: str, text: str, value: object
) -> None:
    monkeypatch.setenv(variable, text)
    assert getattr(load_settings(), field) == value


@pytest.mark.parametrize(("variable", "field", "text", "value"), SET, ids=[s[0] for s in SET])
def test_a_variable_is_read_from_the_env_file_of_the_working_directory(
    variable: str, field: str, text: str, value: object
) -> None:
    write_env_file(f"{variable}={text}\n")
    assert getattr(load_settings(), field) == value


def test_the_api_key_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    key = load_settings().wandb_api_key
    assert key is not None
    assert key.get_secret_value() == SECRET


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write_env_file("WANDB_PROJECT=of-the-file\n")
    monkeypatch.setenv("WANDB_PROJECT", "of-the-environment")
    assert load_settings().wandb_project == "of-the-environment"


def test_the_env_file_may_hold_variables_of_others() -> None:
    write_env_file("OPENAI_API_KEY=x\nWANDB_PROJECT=p\n")
    assert load_settings().wandb_project == "p"


@pytest.mark.parametrize(("variable", "field", "default"), DEFAULTS, ids=[d[0] for d in DEFAULTS])
def test_an_empty_variable_counts_as_not_set(
    monkeypatch: pytest.MonkeyPatch, variable: str, field: str, default: object
) -> None:
    monkeypatch.setenv(variable, "")
    assert getattr(load_settings(), field) == default


@pytest.mark.parametrize(("variable", "field", "default"), DEFAULTS, ids=[d[0] for d in DEFAULTS])
def test_an_empty_line_of_the_env_file_counts_as_not_set(
    variable: str, field: str, default: object
) -> None:
    write_env_file(f"{variable}=\n")
    assert getattr(load_settings(), field) == default


def test_an_empty_variable_leaves_the_env_files_value(monkeypatch: pytest.MonkeyPatch) -> None:
    write_env_file("WANDB_PROJECT=of-the-file\n")
    monkeypatch.setenv("WANDB_PROJECT", "")
    assert load_settings().wandb_project == "of-the-file"


@pytest.mark.parametrize(
    ("variable", "text"),
    [("DATABASE_URL", "postgresql://h/fairmind"), ("API_PORT", "http"), ("LOG_LEVEL", "WARN")],
)
def test_a_backends_own_variable_of_a_similar_name_is_not_ours(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    assert load_settings() == Settings()


def test_a_line_of_a_backends_own_env_file_of_a_similar_name_is_not_ours() -> None:
    write_env_file("DATABASE_URL=postgresql://h/fairmind\n")
    assert load_settings().database_url == default_database_url()


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ("MLOPS_PROVIDER", "provider"),
        ("FAIRMIND_SYNC_LOG_LEVEL", "log_level"),
        ("FAIRMIND_SYNC_LOG_FORMAT", "log_format"),
    ],
)
def test_a_choice_may_be_written_in_capitals_and_with_spaces(
    monkeypatch: pytest.MonkeyPatch, variable: str, field: str
) -> None:
    chosen = {"provider": "wandb", "log_level": "error", "log_format": "json"}[field]
    monkeypatch.setenv(variable, f" {chosen.upper()} ")
    assert getattr(load_settings(), field) == chosen


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().provider = "both"


@pytest.mark.parametrize(
    ("provider", "enabled"),
    [("none", ()), ("wandb", ("wandb",)), ("mlflow", ("mlflow",)), ("both", PROVIDERS)],
)
def test_results_are_owed_to_the_providers_that_are_named(
    monkeypatch: pytest.MonkeyPatch, provider: str, enabled: tuple[str, ...]
) -> None:
    monkeypatch.setenv("MLOPS_PROVIDER", provider)
    assert load_settings().enabled == enabled


def test_the_password_in_a_database_url_is_known_as_a_secret() -> None:
    assert "s3cr@t" in passwords_of("postgresql+psycopg://me:s3cr%40t@h/d")


def test_a_password_that_would_become_a_host_is_refused_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", "postgresql://me:hidden@words@h/d")
    with pytest.raises(SettingsError, match="write %40 instead") as caught:
        load_settings()
    assert "words" not in str(caught.value)


def test_the_poll_interval_is_in_seconds() -> None:
    assert Settings(poll_seconds=1.5).poll_interval == timedelta(seconds=1.5)


def test_the_environment_is_read_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    first = current_settings()
    monkeypatch.setenv("WANDB_PROJECT", "later")
    assert current_settings() is first
