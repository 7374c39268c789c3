"""Reads our environment variables, also from `.env` in the working directory, into one frozen object."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fairmind_sync.errors import SettingsError
from fairmind_sync.provider_names import PROVIDERS, ProviderName, either
from fairmind_sync.results import privacy
from fairmind_sync.storage.url import checked_database_url, default_database_url

_ADVICE = {"int_parsing": "must be a whole number", "float_parsing": "must be a number"}

SHORTEST_TOKEN = 16


def _variable(name: str, default: Any, **limits: Any) -> Any:
    return Field(default=default, validation_alias=name, **limits)


_ONE_WORD: dict[str, tuple[ProviderName, ...]] = {"none": (), "both": ("wandb", "mlflow")}
"""Values of MLOPS_PROVIDER beside providers' names, which can be joined by commas."""

Words: TypeAlias = Annotated[tuple[str, ...], NoDecode]
"""Words that the variable separates by commas or blanks."""
Duration: TypeAlias = Annotated[
    timedelta, Field(ge=timedelta(seconds=1), le=timedelta(days=36_500))
]
_DURATION = re.compile(r"(\d{1,6})\s*([dhms])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=86_400)]


class Settings(BaseSettings):
    """The settings as the environment has them; each field's alias is the variable that a user sets."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        env_prefix="FAIRMIND_SYNC_",  # else populate_by_name would read a backend's own LOG_LEVEL
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    provider: str = _variable("MLOPS_PROVIDER", "none")
    wandb_api_key: SecretStr | None = _variable("WANDB_API_KEY", None)
    wandb_project: str = _variable("WANDB_PROJECT", "fairmind-bias-detection")
    wandb_entity: str | None = _variable("WANDB_ENTITY", None)
    mlflow_tracking_uri: str = _variable("MLFLOW_TRACKING_URI", "http://localhost:5000", repr=False)
    mlflow_experiment_name: str = _variable("MLFLOW_EXPERIMENT_NAME", "fairmind_bias_detection")
    database_url: str = Field(
        default_factory=default_database_url,
        validation_alias="FAIRMIND_SYNC_DATABASE_URL",
        repr=False,
    )
    api_host: str = _variable("FAIRMIND_SYNC_API_HOST", "127.0.0.1")
    api_port: int = _variable("FAIRMIND_SYNC_API_PORT", 8000, ge=0, le=65_535)
    api_token: SecretStr | None = _variable("FAIRMIND_SYNC_API_TOKEN", None)
    api_allowed_hosts: Words = _variable("FAIRMIND_SYNC_API_ALLOWED_HOSTS", ())
    max_backlog: int = _variable("FAIRMIND_SYNC_MAX_BACKLOG", 100_000, ge=0)
    max_in_flight: int = _variable("FAIRMIND_SYNC_MAX_IN_FLIGHT", 256, ge=1)
    wandb_runs_per_second: int = _variable("FAIRMIND_SYNC_WANDB_RUNS_PER_SECOND", 80, ge=1)
    retention: Duration | None = _variable("FAIRMIND_SYNC_RETENTION", None)
    redact: Words = _variable("FAIRMIND_SYNC_REDACT", ())
    log_level: Literal["debug", "info", "warning", "error"] = _variable(
        "FAIRMIND_SYNC_LOG_LEVEL", "info"
    )
    log_format: Literal["auto", "console", "json"] = _variable("FAIRMIND_SYNC_LOG_FORMAT", "auto")
    max_attempts: int = _variable("FAIRMIND_SYNC_MAX_ATTEMPTS", 12, ge=1, le=1000)
    poll_seconds: Seconds = _variable("FAIRMIND_SYNC_POLL_SECONDS", 10.0, gt=0)
    shutdown_seconds: Seconds = _variable("FAIRMIND_SYNC_SHUTDOWN_SECONDS", 10.0)
    worker_idle_seconds: Seconds = _variable("FAIRMIND_SYNC_WORKER_IDLE_SECONDS", 30.0)

    @field_validator("provider", "log_level", "log_format", mode="before")
    @classmethod
    def _in_lower_case(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("provider")
    @classmethod
    def _must_be_providers(cls, value: str) -> str:
        if value not in _ONE_WORD and not {*value.split(",")} <= {*PROVIDERS}:
            words = (repr(word) for word in ("none", *PROVIDERS, "both"))
            raise ValueError(f"Input should be {either(*words)}")
        return value

    @field_validator("api_allowed_hosts", "redact", mode="before")
    @classmethod
    def _as_words(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("retention", mode="before")
    @classmethod
    def _as_duration(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.strip().lower() == "off":
            return None
        found = _DURATION.fullmatch(value.strip().lower())
        if found is None:
            raise ValueError("must be a number with its unit, such as 90d, 12h, 30m or 45s; or off")
        return timedelta(**{_UNITS[found[2]]: int(found[1])})

    @field_validator("redact")
    @classmethod
    def _must_be_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            privacy.parse(pattern)
        return value

    @field_validator("api_token")
    @classmethod
    def _must_be_hard_to_guess(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(f"must have at least {SHORTEST_TOKEN} characters")
        return value

    @field_validator("database_url")
    @classmethod
    def _must_be_a_database(cls, value: str) -> str:
        return checked_database_url(value)

    @field_validator("mlflow_tracking_uri")
    @classmethod
    def _must_be_a_tracking_uri(cls, value: str) -> str:
        if "@" in value.partition("://")[2].partition("/")[2]:
            raise ValueError("has '/' in user or password, or '@' in its path: write %2F, %40")
        if value.startswith(("http://", "https://", "sqlite:", "databricks")):
            return value
        raise ValueError("must start with http://, https://, sqlite: or databricks")

    @property
    def enabled(self) -> tuple[ProviderName, ...]:
        """The providers to which a saved result is owed, in the order of `PROVIDERS`."""
        named = _ONE_WORD.get(self.provider, tuple(self.provider.split(",")))
        return tuple(provider for provider in PROVIDERS if provider in named)

    @property
    def private_fields(self) -> tuple[privacy.Pattern, ...]:
        """The patterns of fields that are removed from a result before the result is stored."""
        return tuple(privacy.parse(pattern) for pattern in self.redact)

    @property
    def poll_interval(self) -> timedelta:
        return timedelta(seconds=self.poll_seconds)


@lru_cache(maxsize=1)
def current_settings() -> Settings:
    """Returns the environment's settings, which are read once a process.

    Raises:
        SettingsError: a variable is wrong; the message says which and why, without its value.
    """
    return load_settings()


def load_settings() -> Settings:
    """Returns the settings as the environment and `.env` are now.

    Raises:
        SettingsError: a variable is wrong; the message says which and why, without its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = [_problem(found) for found in error.errors(include_url=False)]
    except UnicodeDecodeError:
        problems = [".env: is not UTF-8 text"]
    raise SettingsError(f"wrong setting: {'; '.join(problems)}")  # outside: no context, no secrets


def _problem(found: ErrorDetails) -> str:
    """Returns the variable's name and what is wrong, never the value, which may be a secret."""
    name = str(found["loc"][0])
    field = Settings.model_fields.get(name)
    variable = name if field is None else field.validation_alias
    return f"{variable}: {_ADVICE.get(found['type'], found['msg'].removeprefix('Value error, '))}"
