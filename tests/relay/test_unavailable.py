"""A provider that takes nothing: what is written down of it, and told once."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import (
    ProviderBlockedError,
    ProviderNotInstalledError,
    ProviderOfflineError,
    ProviderUnavailableError,
)
from fairmind_sync.relay.loop import Relay
from fairmind_sync.relay.unavailable import note_unavailable
from fairmind_sync.storage.tables import provider_table
from fairmind_sync.testing import FakeProvider
from tests.support.clock import NOW, Clock
from tests.support.databases import rows
from tests.support.log_events import captured_logs

pytestmark = pytest.mark.both_databases

SECRET = "correct-horse-battery"  # noqa: S105 no secret
MINUTE = timedelta(minutes=1)
ADDRESS = "http://tracking.example:5000"


def note(engine: Engine, error: ProviderUnavailableError) -> list[Any]:
    with captured_logs() as events:
        note_unavailable(engine, "mlflow", error, Random(1), lambda: NOW, (SECRET,))
    return events


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ProviderOfflineError(f"no {SECRET}"), "offline"),
        (ProviderBlockedError(f"no {SECRET}"), "blocked"),
        (ProviderUnavailableError(f"no {SECRET}"), "offline"),
    ],
    ids=["offline", "blocked", "of no kind"],
)
def test_why_a_provider_takes_nothing_is_recorded_and_told(
    engine: Engine, error: ProviderUnavailableError, state: str
) -> None:
    assert note(engine, error) == [
        {
            "event": f"provider.{state}",
            "log_level": "error",
            "provider": "mlflow",
            "reason": "no [hidden]",
            "fairmind": "MLflow logging error",
        }
    ]
    (row,) = rows(engine, provider_table)
    assert (row.provider, row.state, row.reason, row.since) == ("mlflow", state, "no [hidden]", NOW)


def test_a_missing_package_is_told_in_the_words_that_people_look_for(engine: Engine) -> None:
    (told,) = note(engine, ProviderNotInstalledError("Run: pip install wandb"))
    assert told["fairmind"] == "MLOps integration not available"


@pytest.mark.parametrize("kind", [ProviderOfflineError, ProviderBlockedError])
def test_what_is_known_already_is_not_told_again(engine: Engine, kind: Any) -> None:
    assert [len(note(engine, kind("away"))) for _ in range(2)] == [1, 0]


def test_where_and_for_how_long_a_provider_is_away_is_recorded(engine: Engine) -> None:
    note(engine, ProviderOfflineError("away", MINUTE, address=ADDRESS))
    (row,) = rows(engine, provider_table)
    assert (row.next_probe_at, row.address) == (NOW + MINUTE, ADDRESS)


def test_a_provider_that_is_back_is_ready_and_told(engine: Engine) -> None:
    note(engine, ProviderOfflineError("away"))
    with captured_logs() as events:
        Relay(engine, FakeProvider(), max_attempts=3, clock=Clock(NOW + MINUTE)).drain()
    assert events == [{"event": "provider.recovered", "log_level": "info", "provider": "mlflow"}]
    (row,) = rows(engine, provider_table)
    assert (row.state, row.since) == ("ready", NOW + MINUTE)
