"""Types of settings, each with the check of its variable's value:
durations, addresses, tokens, levels, patterns.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from fairmind_sync.clock import duration_of
from fairmind_sync.provider_names import either
from fairmind_sync.results import privacy
from fairmind_sync.results.evidence_states import EvidenceKind
from fairmind_sync.results.risk_levels import LEVELS

SHORTEST_TOKEN = 16
_WEBHOOK_SECRET = re.compile(
    r"whsec_(?:[A-Za-z0-9+/]{4}){8,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
)


def _in_lower_case(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _as_words(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _as_duration(value: object) -> object:
    return _duration_of(value)


def _as_duration_or_off(value: object) -> object:
    return None if _in_lower_case(value) == "off" else _duration_of(value, "; or off")


def _duration_of(value: object, more: str = "") -> object:
    if not isinstance(value, str):
        return value
    found = duration_of(value)
    if found is None:
        raise ValueError(f"must be a number with its unit, such as 90d, 12h, 30m or 45s{more}")
    return found


def _must_be_patterns(value: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in value:
        privacy.parse(pattern)
    return value


def _must_be_an_address(value: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise ValueError("must be an address as a browser takes it: https://host.example")
    if "@" in parts.netloc:
        raise ValueError("must hold neither user nor password: links begin with it")
    return value.strip().rstrip("/")


def _must_be_reachable(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value().strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https address")
    return SecretStr(value.get_secret_value().strip())


def _must_be_of_standard_webhooks(value: SecretStr) -> SecretStr:
    if not _WEBHOOK_SECRET.fullmatch(value.get_secret_value()):
        raise ValueError("must be whsec_ and at least 24 bytes in base64: whsec_MfKQ...")
    return value


def _must_be_hard_to_guess(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < SHORTEST_TOKEN:
        raise ValueError(f"must have at least {SHORTEST_TOKEN} characters")
    return value


def _must_be_a_level(value: str) -> str:
    if value not in ("off", *LEVELS):
        raise ValueError(f"Input should be {either(*map(repr, ('off', *LEVELS)))}")
    return value


_LongEnough = Field(ge=timedelta(seconds=1), le=timedelta(days=36_500))
_AnyCase = BeforeValidator(_in_lower_case)

Words: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_as_words)]
"""Words that the variable separates by commas or blanks."""
FieldPatterns: TypeAlias = Annotated[
    tuple[str, ...], BeforeValidator(_as_words), AfterValidator(_must_be_patterns)
]
Duration: TypeAlias = Annotated[timedelta, BeforeValidator(_as_duration), _LongEnough]
DurationOrOff: TypeAlias = Annotated[
    Annotated[timedelta, _LongEnough] | None, BeforeValidator(_as_duration_or_off)
]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=86_400)]
WebAddress: TypeAlias = Annotated[str, AfterValidator(_must_be_an_address)]
"""An address that links begin with; without a slash at its end."""
WebhookUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_must_be_reachable)]
"""An address that may hold a secret in its path, as a chat's has."""
WebhookSecret: TypeAlias = Annotated[SecretStr, AfterValidator(_must_be_of_standard_webhooks)]
AccessToken: TypeAlias = Annotated[SecretStr, AfterValidator(_must_be_hard_to_guess)]
RiskLevel: TypeAlias = Annotated[str, _AnyCase, AfterValidator(_must_be_a_level)]
Evidence: TypeAlias = Annotated[EvidenceKind, _AnyCase]
LogLevel: TypeAlias = Annotated[Literal["debug", "info", "warning", "error", "critical"], _AnyCase]
LogFormat: TypeAlias = Annotated[Literal["auto", "console", "json"], _AnyCase]
