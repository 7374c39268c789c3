"""A drain's relay and its tries at evidence go by all that the drain was given."""

from __future__ import annotations

from random import Random

import pytest
from sqlalchemy import Engine

from fairmind_sync.relay import sweep, worker
from fairmind_sync.relay.evidence_pass import EvidencePass
from fairmind_sync.relay.loop import Relay
from fairmind_sync.relay.provider_drain import ProviderDrain
from fairmind_sync.relay.worker_name import worker_name
from fairmind_sync.settings import Settings
from fairmind_sync.testing import FakeProvider
from tests.support.clock import NOW


def stop() -> bool:
    return True


def watch(_longest: object) -> None:
    """Watches nothing."""


def pause(_seconds: float) -> None:
    """Takes no time."""


@pytest.fixture
def drain(engine: Engine, configured: Settings) -> ProviderDrain:
    given = FakeProvider
    return ProviderDrain(engine, "mlflow", configured, given, "w", stop, watch, pause, Random(7))


def test_a_relay_waits_draws_stops_and_is_watched_as_its_drain(drain: ProviderDrain) -> None:
    relay = drain.relay(FakeProvider())
    assert (relay.pause, relay.chance) == (pause, drain.chance)
    assert (relay.should_stop, relay.watch) == (stop, watch)


def test_a_drain_that_is_asked_for_nothing_more_only_drains(
    drain: ProviderDrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[object] = []
    monkeypatch.setattr(Relay, "drain", lambda _relay, probe_now: did.append(probe_now))
    monkeypatch.setattr(sweep, "sweep", lambda *given: did.append(given))
    monkeypatch.setattr(EvidencePass, "run", did.append)
    drain.run()
    assert did == [False]


def test_a_sweep_is_watched_as_its_drain(
    drain: ProviderDrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[object] = []
    monkeypatch.setattr(Relay, "drain", lambda _relay, probe_now: None)  # noqa: ARG005 its name
    monkeypatch.setattr(sweep, "sweep", lambda _engine, _provider, watch: watched.append(watch))
    drain.run(and_sweep=True)
    assert watched == [watch]


def test_a_worker_without_a_daemon_signs_with_its_process_alone(configured: Settings) -> None:
    assert worker.drain_of("mlflow", configured).worker == worker_name()


def test_evidence_is_tried_by_the_databases_clock(drain: ProviderDrain) -> None:
    assert drain._evidence_pass(FakeProvider()).clock() > NOW
