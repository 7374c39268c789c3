"""Counts refused saves by reason, as one Prometheus counter of this process; only `log-test` is counted.

The counter is in prometheus-client's own registry, so that a backend that mounts the router finds it among
its own metrics.
"""

from __future__ import annotations

from functools import lru_cache

from fastapi.exceptions import RequestValidationError
from prometheus_client import Counter
from starlette.exceptions import HTTPException

from fairmind_sync.api.body_limits import BodyError
from fairmind_sync.api.problems import ProblemRoute
from fairmind_sync.errors import (
    BacklogFullError,
    KeyReusedError,
    NoProviderError,
    PayloadError,
    SettingsError,
    StorageError,
)

SAVE = "/api/v1/mlops/log-test"
CROWDED, NOT_ADMITTED, UNFORESEEN = "crowded", "not_admitted", "unforeseen"
_OF_ERRORS: tuple[tuple[type[Exception], str], ...] = (
    (BacklogFullError, "backlog_full"),
    (StorageError, "database"),
    (KeyReusedError, "key_reused"),
    (NoProviderError, "no_provider"),
    (SettingsError, "setting"),
    (BodyError, "body"),
    (PayloadError, "content"),
    (RequestValidationError, "content"),
    (HTTPException, "content"),
)
REASONS = (*dict.fromkeys(reason for _, reason in _OF_ERRORS), CROWDED, NOT_ADMITTED, UNFORESEEN)


@lru_cache(maxsize=1)
def counter() -> Counter:
    """Returns the counter, which begins with 0 for every reason: a rate needs a first value."""
    made = Counter(
        "fairmind_sync_saves_refused",
        "Results that the REST API of this process refused to save",
        ["reason"],
    )
    for reason in REASONS:
        made.labels(reason)
    return made


def count(reason: str) -> None:
    counter().labels(reason).inc()


def reason_of(error: Exception) -> str:
    return next((reason for kind, reason in _OF_ERRORS if isinstance(error, kind)), UNFORESEEN)


class SaveRoute(ProblemRoute):
    """A route of saves, which counts what is refused."""

    def note(self, error: Exception) -> None:
        count(reason_of(error))
