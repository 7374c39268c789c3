"""A drain's relay and its tries at evidence go by all that the drain was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from fairmind_sync.outbox import provider_state
from fairmind_sync.relay import sweep, worker
from fairmind_sync.relay.evidence_pass import EvidencePass
from fairmind_sync.relay.loop import Relay
from fairmind_sync.relay.provider_drain import ProviderDrain
from fairmind_sync.relay.worker_name import worker_name
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import writing
from fairmind_sync.testing import FakeProvider
from tests.support.clock import NOW

HOUR = timedelta(hours=1)


def stop() -> bool:
    return True


def watch(_longest: object) -> None:
    """Watches nothing."""


def pause(_seconds: float) -> None:
    """Takes no time."""


def pause_it(connection: Connection) -> None:
    provider_state.pause(connection, "mlflow", NOW)


def lose_it(connection: Connection) -> None:
    none = timedelta()
    provider_state.note_offline(
        connection, "mlflow", "no route", after=none, chance=Random(1), now=NOW
    )


@pytest.fixture
def drain(engine: Engine, configured: Settings) -> ProviderDrain:
    given = FakeProvider
    return ProviderDrain(engine, "mlflow", configured, given, "w", stop, watch, pause, Random(7))


def test_a_relay_waits_draws_stops_and_is_watched_as_its_drain(drain: ProviderDrain) -> None:
    relay = drain.relay(FakeProvider())
    assert (relay.pause, relay.chance) == (pause, drain.chance)
    assert (relay.should_stop, relay.watch) == (stop, watch)


def swept(
    drain: ProviderDrain, monkeypatch: pytest.MonkeyPatch, **wanted: Any
) -> list[tuple[Any, ...]]:
    """What the drain did, one after the other, with what it was given."""
    did: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        Relay, "drain", lambda _relay, **given: did.append(("drain", *given.values()))
    )
    monkeypatch.setattr(sweep, "sweep", lambda *given: did.append(("sweep", *given[2:])))
    monkeypatch.setattr(EvidencePass, "run", lambda _pass: did.append(("evidence",)))
    drain.run(**wanted)
    return did


def test_a_drain_that_is_asked_for_nothing_more_only_drains(
    drain: ProviderDrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert swept(drain, monkeypatch) == [("drain", False, None)]


def test_a_sweep_is_watched_as_its_drain(
    drain: ProviderDrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = replace(drain, should_stop=lambda: False)
    did = swept(going_on, monkeypatch, and_sweep=True, longest=HOUR)
    assert did == [("drain", False, HOUR), ("sweep", watch)]


def test_a_drain_that_is_to_stop_sweeps_no_more(
    drain: ProviderDrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert swept(drain, monkeypatch, and_sweep=True) == [("drain", False, None)]


@pytest.mark.parametrize("act", [pause_it, lose_it])
def test_a_provider_that_takes_nothing_any_more_is_not_swept(
    drain: ProviderDrain, monkeypatch: pytest.MonkeyPatch, act: Callable[[Connection], object]
) -> None:
    going_on = replace(drain, should_stop=lambda: False)
    with writing(drain.engine) as connection:
        act(connection)
    assert swept(going_on, monkeypatch, and_sweep=True) == [("drain", False, None)]


@pytest.mark.parametrize(("slept", "is_made"), [(sweep.INTERVAL / 3, True), (HOUR, False)])
def test_a_machine_that_slept_during_a_drain_is_swept_later(
    drain: ProviderDrain, monkeypatch: pytest.MonkeyPatch, slept: timedelta, *, is_made: bool
) -> None:
    """Who stood still within a create goes on first. A sleep moves the wall clock alone."""
    seconds = iter((0.0, -slept.total_seconds()))
    going_on = replace(drain, should_stop=lambda: False, steady=lambda: next(seconds))
    assert (("sweep", watch) in swept(going_on, monkeypatch, and_sweep=True)) is is_made


def test_a_worker_without_a_daemon_signs_with_its_process_alone(configured: Settings) -> None:
    assert worker.drain_of("mlflow", configured).worker == worker_name()


def test_evidence_is_tried_by_the_databases_clock(drain: ProviderDrain) -> None:
    assert drain._evidence_pass(FakeProvider()).clock() > NOW
