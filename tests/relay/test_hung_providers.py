"""A provider that hangs while it is set up or probed: who watches, and what is left in the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.outbox import provider_state
from fairmind_sync.outbox.provider_state import PROBE_TIME
from fairmind_sync.relay import worker
from fairmind_sync.relay.loop import Relay
from fairmind_sync.relay.watchdog import Watchdog
from fairmind_sync.relay.worker import OPENING_TIME
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import attempts_table, provider_table
from fairmind_sync.testing import FakeProvider
from tests.support.clock import NOW, Clock
from tests.support.databases import rows
from tests.support.deliveries import save

AWAY = ProviderOfflineError("no route to host")


class EndedError(BaseException):
    """In the place of the end of this process by its watchdog."""


@dataclass
class HangingProvider(FakeProvider):
    """Hangs in its probe, until the process is ended."""

    def probe(self) -> None:
        raise EndedError


def leave(engine: Engine, error: ProviderOfflineError | ProviderBlockedError) -> None:
    """A delivery, and its provider, which has been unavailable since then and is probed now."""
    save(engine, "mlflow")
    with writing(engine) as connection:
        provider_state.note_unavailable(
            connection, "mlflow", error, str(error), chance=Random(1), now=NOW
        )
        provider_state.probe_soon(connection, NOW)
        provider_state.take_probe(connection, "mlflow", NOW)


def drained(engine: Engine, provider: FakeProvider) -> list[timedelta | None]:
    """What the watchdog was told in a drain that begins with a probe."""
    watched: list[timedelta | None] = []
    Relay(engine, provider, 3, clock=Clock(), watch=watched.append).drain(probe_now=True)
    return watched


def test_a_probe_is_watched_from_its_start_to_its_end(engine: Engine) -> None:
    leave(engine, AWAY)
    assert drained(engine, FakeProvider())[:2] == [PROBE_TIME, None]


def test_a_probe_that_fails_is_watched_no_longer(engine: Engine) -> None:
    leave(engine, AWAY)
    assert drained(engine, FakeProvider(unavailable=AWAY)) == [PROBE_TIME, None]


@pytest.mark.parametrize("error", [AWAY, ProviderBlockedError("no right")])
def test_a_probe_that_hangs_costs_no_attempt_and_is_made_again(
    engine: Engine, error: ProviderOfflineError | ProviderBlockedError
) -> None:
    leave(engine, error)
    with pytest.raises(EndedError):
        drained(engine, HangingProvider())
    (state,) = rows(engine, provider_table)
    assert (state.reason, state.next_probe_at) == (str(error), NOW + PROBE_TIME)
    assert rows(engine, attempts_table) == []


@pytest.fixture
def dog(monkeypatch: pytest.MonkeyPatch) -> Watchdog:
    monkeypatch.setattr(worker, "_watchdog", dog := Watchdog())
    return dog


def opened(
    meanwhile: Callable[[], object], configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Opens a provider, which does this while it is set up."""
    monkeypatch.setattr(worker, "_provider", lambda *_given: meanwhile())
    return worker.drain_of("mlflow", configured).opened()


def test_the_opening_of_a_provider_is_watched(
    dog: Watchdog, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[timedelta | None] = []
    monkeypatch.setattr(dog, "watch", lambda longest, *_word: watched.append(longest))
    before = opened(watched.copy, configured, monkeypatch)
    assert (before, watched) == ([OPENING_TIME], [OPENING_TIME, None])


def test_an_opening_that_fails_is_watched_no_longer(
    dog: Watchdog, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise AWAY

    with pytest.raises(ProviderOfflineError):
        opened(fail, configured, monkeypatch)
    assert dog.deadline is None


def test_a_provider_that_hangs_in_its_opening_is_offline(
    engine: Engine, dog: Watchdog, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(lambda: dog._last_word(), configured, monkeypatch)  # noqa: PLW0108 it is another one then
    (state,) = rows(engine, provider_table)
    said = "MLflow could not be set up within 120 seconds"
    assert (state.state, state.reason) == ("offline", said)
