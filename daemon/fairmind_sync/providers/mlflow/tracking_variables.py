"""Reads MLflow's own variables and ~/.mlflow/credentials: user, token, certificates, time-out, workspace.

What they mean is MLflow's to say: https://mlflow.org/docs/latest/self-hosting/security/basic-http-auth/ and
`mlflow.environment_variables`.
"""

from __future__ import annotations

import os
from configparser import ConfigParser, Error, InterpolationError
from dataclasses import dataclass
from pathlib import Path

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.variables import AUTHORITIES_OF_REQUESTS

LONGEST_TIMEOUT_S = 14
"""Three requests that take so long end before the watchdog takes their batch for hung."""
TIMEOUT, DEFAULT_TIMEOUT_S = "MLFLOW_HTTP_REQUEST_TIMEOUT", "10"
_TRUE, _FALSE = ("true", "1"), ("false", "0")
SERVERS_CERTIFICATE = "MLFLOW_TRACKING_SERVER_CERT_PATH"
_OWN_CERTIFICATE = "MLFLOW_TRACKING_CLIENT_CERT_PATH"
_UNCHECKED = "MLFLOW_TRACKING_INSECURE_TLS"


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password, and a token for where one of these is missing; empty if not given."""

    user: str = ""
    password: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """A file or folder, and the variable that names it."""

    variable: str
    path: Path

    def checked(self) -> Path:
        """Returns the path.

        Raises:
            ProviderBlockedError: nothing is there.
        """
        if not self.path.exists():
            raise ProviderBlockedError(f"{self.variable} names {self.path}, which isn't there.")
        return self.path


@dataclass(frozen=True, slots=True)
class Certificates:
    """Whom a TLS connection trusts: `authorities`, a file or folder; those that requests brings if None.

    `are_checked` says whether others are refused; `own` is a file with our certificate and key.
    """

    authorities: NamedPlace | None = None
    are_checked: bool = True
    own: NamedPlace | None = None


def credentials() -> Credentials:
    """Returns what variables have, and what the file has where a variable is missing.

    Raises:
        ProviderBlockedError: the file makes no sense.
    """
    user, password = in_file()
    return Credentials(
        os.environ.get("MLFLOW_TRACKING_USERNAME") or user,
        os.environ.get("MLFLOW_TRACKING_PASSWORD") or password,
        os.environ.get("MLFLOW_TRACKING_TOKEN", ""),
    )


def in_file() -> tuple[str, str]:
    """Returns user and password of ~/.mlflow/credentials; empty texts where there are none.

    Raises:
        ProviderBlockedError: the file can't be read, or makes no sense.
    """
    parser = ConfigParser()
    try:
        file = Path("~/.mlflow/credentials").expanduser()
        parser.read(file, encoding="utf-8")
    except (Error, OSError, RuntimeError, UnicodeDecodeError) as error:
        why = str(error).partition("\n")[0].rstrip(".")
        raise ProviderBlockedError(
            f"~/.mlflow/credentials can't be read: {why}. Correct the file, or remove it."
        ) from None
    return _value(parser, "mlflow_tracking_username"), _value(parser, "mlflow_tracking_password")


def _value(parser: ConfigParser, name: str) -> str:
    """Returns the value, in which '%%' stands for '%'; as it stands where that makes no sense."""
    try:
        return parser.get("mlflow", name, fallback="")
    except InterpolationError:
        return parser.get("mlflow", name, fallback="", raw=True)


def certificates() -> Certificates:
    """Returns whom the variables have a connection trust.

    Raises:
        ProviderBlockedError: a variable makes no sense, or contradicts another.
    """
    authorities, are_unchecked = _place(SERVERS_CERTIFICATE), is_true(_UNCHECKED)
    if are_unchecked and authorities:
        raise ProviderBlockedError(
            f"{_UNCHECKED} and {SERVERS_CERTIFICATE} contradict each other: unset one."
        )
    if not are_unchecked and not authorities:
        authorities = next(filter(None, map(_place, AUTHORITIES_OF_REQUESTS)), None)
    return Certificates(authorities, not are_unchecked, _place(_OWN_CERTIFICATE))


def is_true(name: str) -> bool:
    """Returns a variable's truth; false where it is unset.

    Raises:
        ProviderBlockedError: the variable is neither true nor false.
    """
    value = os.environ.get(name, "").lower()
    if value and value not in (*_TRUE, *_FALSE):
        raise ProviderBlockedError(f"{name} must be true or false.")
    return value in _TRUE


def workspace() -> str:
    """Returns the workspace that requests are for; empty where the server's default is meant."""
    return os.environ.get("MLFLOW_WORKSPACE", "").strip()


def timeout() -> float:
    """Returns MLflow's own time-out for a request, in seconds, as far as a batch has time for it.

    Raises:
        ProviderBlockedError: the variable is no whole number of seconds.
    """
    text = os.environ.get(TIMEOUT) or DEFAULT_TIMEOUT_S
    seconds = int(text) if text.strip().isdecimal() else 0
    if not seconds:
        raise ProviderBlockedError(f"{TIMEOUT} must be a whole number of seconds.")
    return float(min(seconds, LONGEST_TIMEOUT_S))


def _place(variable: str) -> NamedPlace | None:
    place = os.environ.get(variable)
    return NamedPlace(variable, Path(place)) if place else None
