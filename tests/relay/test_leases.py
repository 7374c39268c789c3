"""The relay and its leases: what is durable during a delivery, and what happens when another takes over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import LeaseLostError
from fairmind_sync.outbox.claims import LEASE
from fairmind_sync.providers.base import Dead, Delivered, Journal, Outcome, Retry
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.tables import attempts_table, outbox_table
from fairmind_sync.testing import FakeProvider
from tests.support.clock import NOW, Clock
from tests.support.databases import rows
from tests.support.deliveries import RUN, claim, save
from tests.support.log_events import captured_logs

pytestmark = pytest.mark.both_databases

Act = Callable[[Delivery, Journal], Outcome | None]


@dataclass
class ScriptedProvider(FakeProvider):
    """Its deliveries do what the test says, or what a fake's do."""

    act: Act = lambda _delivery, _journal: None

    def _deliver_one(self, delivery: Delivery, journal: Journal) -> Outcome:
        return self.act(delivery, journal) or super()._deliver_one(delivery, journal)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def drain(engine: Engine, provider: FakeProvider, clock: Clock) -> list[Any]:
    """What was logged, but for details."""
    with captured_logs() as events:
        Relay(engine, provider, max_attempts=3, clock=clock).drain()
    return [event for event in events if event["log_level"] != "debug"]


def overtaken_before(engine: Engine, clock: Clock, outcome: Outcome) -> Act:
    """Before the outcome is there the lease runs out and another worker claims the delivery."""

    def act(_delivery: Delivery, _journal: Journal) -> Outcome:
        clock.advance(LEASE)
        claim(engine, now=clock())
        return outcome

    return act


each_outcome = pytest.mark.parametrize(
    "outcome",
    [
        Delivered(RUN, "there"),
        Retry(ErrorKind.UNCERTAIN, "500"),
        Dead(ErrorKind.REJECTED, "too large"),
    ],
    ids=["delivered", "retry", "dead"],
)


@each_outcome
def test_a_lease_lost_during_a_delivery_is_logged(
    engine: Engine, clock: Clock, outcome: Outcome
) -> None:
    save(engine, "mlflow")
    provider = ScriptedProvider(act=overtaken_before(engine, clock, outcome))
    (event,) = drain(engine, provider, clock)
    assert (event["event"], event["outcome"], event["delivery"]) == (
        "delivery.lease_lost",
        type(outcome).__name__,
        1,
    )


@each_outcome
def test_a_lease_lost_during_a_delivery_leaves_the_new_owner_alone(
    engine: Engine, clock: Clock, outcome: Outcome
) -> None:
    save(engine, "mlflow")
    owned: list[Any] = []
    overtake = overtaken_before(engine, clock, outcome)

    def act(delivery: Delivery, journal: Journal) -> Outcome | None:
        result = overtake(delivery, journal)
        owned.extend((rows(engine, outbox_table), rows(engine, attempts_table)))
        return result

    drain(engine, ScriptedProvider(act=act), clock)
    assert [rows(engine, outbox_table), rows(engine, attempts_table)] == owned


def test_a_lease_lost_by_one_delivery_does_not_stop_the_others(
    engine: Engine, clock: Clock
) -> None:
    """The first is overtaken in the middle; its journal refuses."""
    save(engine, "mlflow")
    save(engine, "mlflow")

    def act(delivery: Delivery, _journal: Journal) -> None:
        if delivery.id == 1:
            clock.advance(LEASE)
            claim(engine, now=clock())
            clock.now = NOW

    drain(engine, ScriptedProvider(act=act), clock)
    assert [row.status for row in rows(engine, outbox_table)] == ["pending", "delivered"]


def test_that_a_run_may_exist_is_durable_before_it_is_made(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    seen: list[Any] = []

    def act(delivery: Delivery, journal: Journal) -> None:
        journal.creating(delivery, "there")
        seen.extend(rows(engine, outbox_table))

    drain(engine, ScriptedProvider(act=act), clock)
    assert (seen[0].create_attempted_at, seen[0].destination) == (NOW, "there")


def test_the_id_of_a_run_is_durable_before_it_is_confirmed(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    seen: list[Any] = []

    def act(delivery: Delivery, journal: Journal) -> None:
        journal.created(delivery, "run-1")
        seen.extend(rows(engine, outbox_table))

    drain(engine, ScriptedProvider(act=act), clock)
    assert (seen[0].run_id, seen[0].status) == ("run-1", "pending")


def test_a_request_that_was_not_sent_leaves_no_doubt(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")

    def act(delivery: Delivery, journal: Journal) -> Retry:
        journal.creating(delivery, "there")
        journal.not_created(delivery)
        return Retry(ErrorKind.UPLOAD_FAILED, "refused")

    drain(engine, ScriptedProvider(act=act), clock)
    assert rows(engine, outbox_table)[0].create_attempted_at is None


@pytest.mark.parametrize(
    "note",
    [
        lambda journal, delivery: journal.creating(delivery, "there"),
        lambda journal, delivery: journal.created(delivery, "run-1"),
    ],
    ids=["creating", "created"],
)
def test_a_delivery_whose_lease_is_lost_is_told_before_it_makes_a_run(
    engine: Engine, clock: Clock, note: Callable[[Journal, Delivery], None]
) -> None:
    save(engine, "mlflow")
    told: list[bool] = []
    overtake = overtaken_before(engine, clock, Dead(ErrorKind.REJECTED, "too large"))

    def act(delivery: Delivery, journal: Journal) -> Outcome | None:
        outcome = overtake(delivery, journal)
        try:
            note(journal, delivery)
        except LeaseLostError:
            told.append(True)
        return outcome

    drain(engine, ScriptedProvider(act=act), clock)
    assert told == [True]


def test_a_request_that_was_not_sent_is_of_no_interest_once_the_lease_is_lost(
    engine: Engine, clock: Clock
) -> None:
    save(engine, "mlflow")
    overtake = overtaken_before(engine, clock, Retry(ErrorKind.UPLOAD_FAILED, "refused"))

    def act(delivery: Delivery, journal: Journal) -> Outcome | None:
        journal.creating(delivery, "there")
        outcome = overtake(delivery, journal)
        journal.not_created(delivery)
        return outcome

    (event,) = drain(engine, ScriptedProvider(act=act), clock)
    assert (event["event"], event.get("outcome")) == ("delivery.lease_lost", "Retry")
