"""The bounds of a batch: when a drain stops, how long a batch may start deliveries, and who watches it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import claims as verbs
from fairmind_sync.outbox import provider_state
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.providers.base import Journal, Outcome
from fairmind_sync.relay.batch import CLAIM_TIME, START_TIME
from fairmind_sync.relay.relay import BATCH_TIME, LEASE, Relay
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


@pytest.fixture
def clock() -> Clock:
    return Clock()


def drain(engine: Engine, provider: FakeProvider, clock: Clock, **options: Any) -> None:
    Relay(engine, provider, max_attempts=3, clock=clock, **options).drain()


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
    assert limits == [BATCH_TIME, None]


def test_a_batch_is_joined_by_nothing_late(engine: Engine, clock: Clock) -> None:
    for _ in range(3):
        save(engine, "mlflow")
    provider = EventfulProvider(batch_size=1, meanwhile=lambda: clock.advance(CLAIM_TIME))
    limits: list[timedelta | None] = []
    drain(engine, provider, clock, watch=limits.append)
    assert limits.count(BATCH_TIME) >= 2


def test_a_batch_is_not_joined_by_what_may_have_killed_a_worker(
    engine: Engine, clock: Clock
) -> None:
    claimed(engine)
    for _ in range(2):
        save(engine, "mlflow", now=NOW + LEASE)
    clock.advance(LEASE)
    limits: list[timedelta | None] = []
    drain(engine, FakeProvider(batch_size=2), clock, watch=limits.append)
    assert limits.count(BATCH_TIME) == 2


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
    assert limits == [BATCH_TIME, None] * 2


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


def room(engine: Engine, provider: ProviderName = "mlflow") -> int:
    with writing(engine) as connection:
        return verbs.room(connection, provider, NOW, most_a_second=5)


def test_what_was_claimed_in_the_last_five_seconds_takes_from_the_room(engine: Engine) -> None:
    for ago in (0.0, 4.9, 5.1):
        claimed(engine, now=NOW - timedelta(seconds=ago))
    assert room(engine) == 5 * 5 - 2


def test_what_another_provider_was_given_takes_from_no_room(engine: Engine) -> None:
    claimed(engine)
    assert room(engine, "wandb") == 5 * 5


def test_a_clock_that_was_set_back_takes_from_no_room(engine: Engine) -> None:
    claimed(engine, now=NOW + timedelta(hours=3))
    assert room(engine) == 5 * 5


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
