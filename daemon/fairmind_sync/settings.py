"""All settings: each environment variable with its default, from environment and `.env` in one frozen object;
wrong ones count as unset, and are told; which providers are enabled.

A variable whose value makes no sense counts as unset, and is remembered as a mistake. Whatever needs the
variable asks `Settings.require`; all else goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails

from fairmind_sync.env_file import VARIABLE, env_file, variables
from fairmind_sync.errors import SettingsError
from fairmind_sync.provider_names import PROVIDERS, UNDECIDED, ProviderName, either
from fairmind_sync.results import privacy
from fairmind_sync.results.name_choice import NEWEST_NAMES, Names
from fairmind_sync.setting_types import (
    AccessToken,
    Duration,
    DurationOrOff,
    Evidence,
    FieldPatterns,
    LogFormat,
    LogLevel,
    RiskLevel,
    Seconds,
    WebAddress,
    WebhookSecret,
    WebhookUrl,
    Words,
)
from fairmind_sync.storage.url import checked_database_url, default_database_url

_ADVICE = {"int_parsing": "must be a whole number", "float_parsing": "must be a number"}
_KUBERNETES = (
    "Kubernetes sets it for a Service of that name: rename the Service, or set the Pod's "
    "enableServiceLinks to false"
)


def _variable(name: str, default: Any, **limits: Any) -> Any:
    return Field(default=default, validation_alias=name, **limits)


_ONE_WORD: dict[str, tuple[ProviderName, ...]] = {"none": (), "both": ("wandb", "mlflow")}
"""Values of MLOPS_PROVIDER beside providers' names, which can be joined by commas."""
OF_THE_API = ("api_host", "api_port", "api_token", "api_read_token", "api_allowed_hosts")
"""The fields without which the REST API and the status page aren't served."""
OF_THE_WEBHOOK = ("webhook_url", "webhook_secret", "webhook_after", "webhook_risk")
"""The fields without which the webhook is told nothing: not unsigned where the secret is wrong."""
OF_DELIVERIES = (
    "max_attempts",
    "max_in_flight",
    "poll_seconds",
    "shutdown_seconds",
    "worker_idle_seconds",
)
"""The fields without which nothing is delivered."""


class Settings(BaseModel):
    """The settings as the environment has them; each field's alias is the variable that a user sets."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    provider: str = _variable("MLOPS_PROVIDER", "none")
    wandb_api_key: SecretStr | None = _variable("WANDB_API_KEY", None)
    wandb_project: str = _variable("WANDB_PROJECT", "fairmind-bias-detection")
    wandb_entity: str | None = _variable("WANDB_ENTITY", None)
    mlflow_tracking_uri: str = _variable("MLFLOW_TRACKING_URI", "http://localhost:5000", repr=False)
    mlflow_experiment_name: str = _variable("MLFLOW_EXPERIMENT_NAME", "fairmind_bias_detection")
    mlflow_public_url: WebAddress | None = _variable("FAIRMIND_SYNC_MLFLOW_PUBLIC_URL", None)
    mlflow_model_tags: bool = _variable("FAIRMIND_SYNC_MLFLOW_MODEL_TAGS", False)
    public_url: WebAddress | None = _variable("FAIRMIND_SYNC_PUBLIC_URL", None)
    database_url: str = Field(
        default_factory=default_database_url,
        validation_alias="FAIRMIND_SYNC_DATABASE_URL",
        repr=False,
    )
    api_host: str = _variable("FAIRMIND_SYNC_API_HOST", "127.0.0.1")
    api_port: int = _variable("FAIRMIND_SYNC_API_PORT", 8000, ge=0, le=65_535)
    api_token: AccessToken | None = _variable("FAIRMIND_SYNC_API_TOKEN", None)
    api_read_token: AccessToken | None = _variable("FAIRMIND_SYNC_API_READ_TOKEN", None)
    api_allowed_hosts: Words = _variable("FAIRMIND_SYNC_API_ALLOWED_HOSTS", ())
    webhook_url: WebhookUrl | None = _variable("FAIRMIND_SYNC_WEBHOOK_URL", None)
    webhook_secret: WebhookSecret | None = _variable("FAIRMIND_SYNC_WEBHOOK_SECRET", None)
    webhook_after: Duration = _variable("FAIRMIND_SYNC_WEBHOOK_AFTER", timedelta(minutes=15))
    webhook_risk: RiskLevel = _variable("FAIRMIND_SYNC_WEBHOOK_RISK", "high")
    max_backlog: int = _variable("FAIRMIND_SYNC_MAX_BACKLOG", 100_000, ge=0)
    max_in_flight: int = _variable("FAIRMIND_SYNC_MAX_IN_FLIGHT", 256, ge=1)
    wandb_runs_per_second: int = _variable("FAIRMIND_SYNC_WANDB_RUNS_PER_SECOND", 80, ge=1)
    find_lost_runs: bool = _variable("FAIRMIND_SYNC_FIND_LOST_RUNS", False)
    site_key_file: Path | None = _variable("FAIRMIND_SYNC_SITE_KEY_FILE", None)
    retention: DurationOrOff = _variable("FAIRMIND_SYNC_RETENTION", None)
    redact: FieldPatterns = _variable("FAIRMIND_SYNC_REDACT", ())
    names: int = _variable("FAIRMIND_SYNC_NAMES", NEWEST_NAMES, ge=1, le=NEWEST_NAMES)
    evidence: Evidence = _variable("FAIRMIND_SYNC_EVIDENCE", "full")
    log_level: LogLevel = _variable("FAIRMIND_SYNC_LOG_LEVEL", "info")
    log_format: LogFormat = _variable("FAIRMIND_SYNC_LOG_FORMAT", "auto")
    max_attempts: int = _variable("FAIRMIND_SYNC_MAX_ATTEMPTS", 12, ge=1, le=1000)
    poll_seconds: Seconds = _variable("FAIRMIND_SYNC_POLL_SECONDS", 10.0, gt=0)
    shutdown_seconds: Seconds = _variable("FAIRMIND_SYNC_SHUTDOWN_SECONDS", 10.0)
    worker_idle_seconds: Seconds = _variable("FAIRMIND_SYNC_WORKER_IDLE_SECONDS", 30.0)

    _mistakes: dict[str, str] = PrivateAttr(default_factory=dict)
    _env_file: Path | None = PrivateAttr(default=None)

    @field_validator("provider", mode="before")
    @classmethod
    def _must_be_providers(cls, value: object) -> object:
        named = _words_of(value)
        if ",".join(named) not in _ONE_WORD and not {*named} <= {*PROVIDERS}:
            words = (repr(word) for word in ("none", *PROVIDERS, "both"))
            raise ValueError(f"Input should be {either(*words)}")
        return ",".join(named) or "none"

    @field_validator("database_url")
    @classmethod
    def _must_be_a_database(cls, value: str) -> str:
        return checked_database_url(value)

    @property
    def enabled(self) -> tuple[ProviderName, ...]:
        """The providers that results are delivered to, in the order of `PROVIDERS`."""
        return tuple(name for name in PROVIDERS if name in self._named)

    @property
    def owed(self) -> tuple[ProviderName, ...]:
        """To whom a saved result is owed: `enabled`, and `UNDECIDED` while MLOPS_PROVIDER makes no sense."""
        return tuple(name for name in (*PROVIDERS, UNDECIDED) if name in self._named)

    @property
    def _named(self) -> Sequence[ProviderName]:
        return _ONE_WORD.get(self.provider, self.provider.split(","))

    @property
    def chosen_names(self) -> Names:
        """How runs name what they hold."""
        return 1 if self.names == 1 else NEWEST_NAMES

    @property
    def wants_evidence(self) -> bool:
        """Whether runs get files beside their numbers."""
        return self.evidence != "none"

    @property
    def env_file(self) -> Path | None:
        """The file that variables were read from, beside the environment; None if there was none."""
        return self._env_file

    @property
    def private_fields(self) -> tuple[privacy.Pattern, ...]:
        """The patterns of fields that are removed from a result before the result is stored.

        Raises:
            SettingsError: the variable is wrong, so that nobody knows what has to be removed.
        """
        self.require("redact")
        return tuple(privacy.parse(pattern) for pattern in self.redact)

    def mistakes_in(self, *fields: str) -> list[str]:
        """Returns a sentence on each of these fields' wrong variables: all fields', if none is given."""
        wanted = fields or (*type(self).model_fields,)
        return [self._mistakes[field] for field in wanted if field in self._mistakes]

    def require(self, *fields: str) -> None:
        """Does nothing where the fields' variables make sense.

        Raises:
            SettingsError: a variable is wrong; the message says which and why, without its value.
        """
        if wrong := self.mistakes_in(*fields):
            raise SettingsError(f"wrong setting: {'; '.join(wrong)}")

    @property
    def poll_interval(self) -> timedelta:
        return timedelta(seconds=self.poll_seconds)


_FIELD_OF = {str(info.validation_alias): field for field, info in Settings.model_fields.items()}


@lru_cache(maxsize=1)
def current_settings() -> Settings:
    """Returns the environment's settings, which are read once a process; raises as `load_settings` does."""
    return load_settings()


def load_settings() -> Settings:
    """Returns the settings as the environment and its file are now, with what is wrong in them.

    Raises:
        SettingsError: the file can't be read, or the database's variable is wrong.
    """
    file = env_file()
    settings = _read(file)
    settings._env_file = file  # noqa: SLF001 ours
    return settings


def _read(file: Path | None) -> Settings:
    given: dict[str, str] | None = None
    unreadable = ""
    try:
        given = variables(file, _FIELD_OF)
        return Settings.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False)
    except UnicodeDecodeError:
        unreadable = "is not UTF-8 text"
    except OSError as error:
        unreadable = f"can't be read: {error.strerror}. {VARIABLE} names it"
    if given is None:  # outside of the handlers: no context, no secrets
        raise SettingsError(f"wrong setting: {file}: {unreadable}")
    return _without(found, given)


def _without(found: list[ErrorDetails], given: Mapping[str, str]) -> Settings:
    """Returns the settings as if the wrong variables were unset, which the settings remember."""
    wrong = {_FIELD_OF[str(one["loc"][0])]: one for one in found}
    settings = Settings.model_validate(
        {name: value for name, value in given.items() if _FIELD_OF[name] not in wrong}
    )
    if (provider := wrong.get("provider")) is not None:
        known = [name for name in PROVIDERS if name in _words_of(provider["input"])]
        settings = settings.model_copy(update={"provider": ",".join((*known, UNDECIDED))})
    settings._mistakes = {field: _problem(field, one) for field, one in wrong.items()}  # noqa: SLF001 ours
    settings.require("database_url")
    return settings


def _words_of(value: object) -> list[str]:
    return str(value).lower().replace(",", " ").split()


def _problem(field: str, found: ErrorDetails) -> str:
    """Returns the variable's name and what is wrong, never the value, which may be a secret."""
    variable = Settings.model_fields[field].validation_alias
    problem = _ADVICE.get(found["type"], found["msg"].removeprefix("Value error, "))
    if str(found["input"]).startswith("tcp://"):
        problem += f"; {_KUBERNETES}"
    return f"{variable}: {problem}"
