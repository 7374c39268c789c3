"""The bounds of a batch: when a drain stops, how long a batch may start deliveries, and who watches it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import provider_state
from fairmind_sync.outbox.claims import LEASE
from fairmind_sync.providers.base import Journal, Outcome, Report
from fairmind_sync.relay.batch import CLAIM_TIME, START_TIME
from fairmind_sync.relay.loop import BATCH_TIME, Relay
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import attempts_table, outbox_table
from fairmind_sync.testing import FakeProvider
from tests.support.clock import NOW, Clock
from tests.support.databases import rows
from tests.support.deliveries import claimed, save

pytestmark = pytest.mark.both_databases


@dataclass
class EventfulProvider(FakeProvider):
    """Something happens during each of its deliveries."""

    meanwhile: Callable[[], object] = lambda: None

    def _deliver_one(self, delivery: Delivery, journal: Journal) -> Outcome:
        self.meanwhile()
        return super()._deliver_one(delivery, journal)


class SerialProvider(EventfulProvider):
    """Takes the next delivery when it has ended the one before, in the relay's own thread."""

    def deliver(
        self, deliveries: Iterable[Delivery], journal: Journal, may_start: Callable[[], bool]
    ) -> Generator[list[Report]]:
        for delivery in deliveries:
            if not may_start():
                return
            yield [(delivery, self._deliver_one(delivery, journal))]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def drain(engine: Engine, provider: FakeProvider, clock: Clock, **options: Any) -> None:
    Relay(engine, provider, max_attempts=3, clock=clock, **options).drain()


def watched(limits: list[timedelta | None]) -> list[timedelta | None]:
    """Begin and end of each batch; in between, each step further begins the time anew."""
    return [limit for limit, _ in itertools.groupby(limits)]


def test_a_drain_that_should_stop_claims_nothing(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(), clock, should_stop=lambda: True)
    assert rows(engine, attempts_table) == []


def test_a_drain_told_to_stop_releases_what_it_did_not_start(engine: Engine, clock: Clock) -> None:
    for _ in range(3):
        save(engine, "mlflow")
    provider = FakeProvider()
    drain(engine, provider, clock, should_stop=lambda: len(provider.runs) == 1)
    found = [(row.status, row.attempts, row.lease_token) for row in rows(engine, outbox_table)]
    assert found[1:] == [("pending", 0, None)] * 2


def _once_both_are_taken(provider: FakeProvider) -> Callable[[], bool]:
    """After the first run; the relay itself, which asks before a claim and before each, goes on."""
    relay, asked = threading.get_ident(), itertools.count(1)

    def should_stop() -> bool:
        is_taking = threading.get_ident() == relay and next(asked) <= 3
        return bool(provider.runs) and not is_taking

    return should_stop


def test_a_released_attempt_says_that_it_was_not_started(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    provider = FakeProvider()
    drain(engine, provider, clock, should_stop=_once_both_are_taken(provider))
    _, attempt = rows(engine, attempts_table)
    assert tuple(attempt)[-3:] == ("released", "released", "not started")


def test_what_a_slow_batch_has_no_time_to_start_is_left_to_the_next(
    engine: Engine, clock: Clock
) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    drain(engine, EventfulProvider(meanwhile=lambda: clock.advance(START_TIME)), clock)
    attempts = rows(engine, attempts_table)
    found = [row.started_at for row in attempts if row.outcome == "delivered"]
    assert found == [NOW, NOW + START_TIME]


def test_a_full_batch_is_joined_by_what_else_is_due(engine: Engine, clock: Clock) -> None:
    for _ in range(5):
        save(engine, "mlflow")
    limits: list[timedelta | None] = []
    drain(engine, FakeProvider(batch_size=2), clock, watch=limits.append)
    assert watched(limits) == [BATCH_TIME, None]


def test_a_batch_is_joined_by_nothing_late(engine: Engine, clock: Clock) -> None:
    """There would be time to start another one: what is claimed late might have none."""
    for _ in range(3):
        save(engine, "mlflow")
    provider = SerialProvider(batch_size=1, meanwhile=lambda: clock.advance(CLAIM_TIME))
    limits: list[timedelta | None] = []
    drain(engine, provider, clock, watch=limits.append)
    assert watched(limits) == [BATCH_TIME, None] * 3


def test_a_batch_is_not_joined_by_what_may_have_killed_a_worker(
    engine: Engine, clock: Clock
) -> None:
    abandoned = claimed(engine)
    for _ in range(2):
        save(engine, "mlflow", now=NOW - LEASE)  # due earlier, so that these two come first
    clock.advance(LEASE)
    limits: list[timedelta | None] = []
    provider = SerialProvider(batch_size=1)
    drain(engine, provider, clock, watch=limits.append)
    assert watched(limits) == [BATCH_TIME, None] * 2
    assert [*provider.runs][-1] == abandoned.key


def test_a_batch_is_not_joined_once_its_provider_is_paused(engine: Engine, clock: Clock) -> None:
    for _ in range(10):
        save(engine, "mlflow")
    provider = EventfulProvider(batch_size=2, meanwhile=lambda: pause(engine))
    drain(engine, provider, clock)
    assert len(provider.runs) <= 4  # what was claimed before


def test_what_was_claimed_and_not_begun_leaves_no_trace(engine: Engine, clock: Clock) -> None:
    for _ in range(10):
        save(engine, "mlflow")
    provider = FakeProvider()
    drain(engine, provider, clock, should_stop=lambda: bool(provider.runs))
    last = rows(engine, outbox_table)[-1]
    attempts = [row.delivery_id for row in rows(engine, attempts_table)]
    assert (last.attempts, last.lease_token, last.id in attempts) == (0, None, False)


def pause(engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.pause(connection, "mlflow", NOW)


def test_each_batch_is_watched_from_its_start_to_its_end(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    limits: list[timedelta | None] = []
    slow = EventfulProvider(meanwhile=lambda: clock.advance(START_TIME))
    drain(engine, slow, clock, watch=limits.append)
    assert watched(limits) == [BATCH_TIME, None] * 2


def test_a_batch_that_hangs_is_ended_before_its_lease() -> None:
    assert START_TIME < BATCH_TIME < LEASE


def test_a_drain_with_nothing_due_is_not_watched(engine: Engine, clock: Clock) -> None:
    limits: list[timedelta | None] = []
    drain(engine, FakeProvider(), clock, watch=limits.append)
    assert limits == []


def test_a_delivery_leaves_no_transaction_open_while_the_provider_works(
    engine: Engine, clock: Clock
) -> None:
    save(engine, "mlflow")
    in_use: list[int] = []
    pool: Any = engine.pool
    drain(engine, EventfulProvider(meanwhile=lambda: in_use.append(pool.checkedout())), clock)
    assert in_use == [0]


def test_a_drain_keeps_the_pace_and_leaves_nothing(engine: Engine, clock: Clock) -> None:
    for _ in range(30):
        save(engine, "mlflow")
    drain(
        engine,
        FakeProvider(batch_size=8),
        clock,
        most_a_second=5,
        pause=lambda seconds: clock.advance(timedelta(seconds=seconds)),
    )
    begun = [(row.started_at - NOW).total_seconds() for row in rows(engine, attempts_table)]
    lately = [sum(0 <= one - other <= 5 for other in begun) for one in begun]
    assert {row.status for row in rows(engine, outbox_table)} == {"delivered"}
    assert (max(lately), 5 <= max(begun) < 6) == (25, True)


def test_a_drain_that_keeps_a_pace_waits_for_no_one_elses_deliveries(
    engine: Engine, clock: Clock
) -> None:
    """Another worker has all that may be under way: its own end is what calls for the next look."""
    claimed(engine)
    save(engine, "mlflow")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        clock.advance(LEASE)  # or a drain that waits would wait for ever

    drain(engine, FakeProvider(), clock, most_leased=1, most_a_second=5, pause=pause)
    assert (pauses, len(rows(engine, attempts_table))) == ([], 1)


def test_a_drain_without_a_pace_waits_for_nothing(engine: Engine, clock: Clock) -> None:
    claimed(engine)
    save(engine, "mlflow")
    pauses: list[float] = []
    drain(engine, FakeProvider(), clock, most_leased=1, pause=pauses.append)
    assert pauses == []


def test_a_batch_that_comes_further_has_its_whole_time_anew(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    watched: list[timedelta | None] = []
    drain(engine, FakeProvider(), clock, watch=watched.append)
    assert watched == [BATCH_TIME, BATCH_TIME, None]


@pytest.mark.parametrize(("longest", "count"), [(None, 3), (timedelta(seconds=20), 2)])
def test_after_its_longest_time_a_drain_begins_no_further_batch(
    engine: Engine, clock: Clock, longest: timedelta | None, count: int
) -> None:
    """Results may come faster than they are delivered, and a sweep may wait."""
    for _ in range(3):
        save(engine, "mlflow")
    provider = EventfulProvider(meanwhile=lambda: clock.advance(timedelta(seconds=10)))
    provider.batch_size = 1
    Relay(engine, provider, max_attempts=3, clock=clock).drain(longest=longest)
    assert len(provider.runs) == count
