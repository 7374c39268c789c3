"""The bounds of a batch: when a drain stops, how long a batch may start deliveries, and who watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.delivery import Delivery
from fairmind_sync.models import delivery_attempts, outbox
from fairmind_sync.providers.base import Journal, Outcome
from fairmind_sync.relay import BATCH_TIME, LEASE, START_TIME, Relay
from fairmind_sync.testing import FakeProvider
from tests.helpers import NOW, Clock, rows, save


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
    assert rows(engine, delivery_attempts) == []


def test_a_drain_told_to_stop_releases_what_it_did_not_start(engine: Engine, clock: Clock) -> None:
    for _ in range(3):
        save(engine, "mlflow")
    provider = FakeProvider()
    drain(engine, provider, clock, should_stop=lambda: len(provider.runs) == 1)
    found = [(row.status, row.attempts, row.lease_token) for row in rows(engine, outbox)]
    assert found[1:] == [("pending", 0, None)] * 2


def test_a_released_attempt_says_that_it_was_not_started(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    provider = FakeProvider()
    drain(engine, provider, clock, should_stop=lambda: bool(provider.runs))
    _, attempt = rows(engine, delivery_attempts)
    assert tuple(attempt)[-3:] == ("released", "released", "not started")


def test_what_a_slow_batch_has_no_time_to_start_is_left_to_the_next(
    engine: Engine, clock: Clock
) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    drain(engine, EventfulProvider(meanwhile=lambda: clock.advance(START_TIME)), clock)
    found = [(row.outcome, row.started_at) for row in rows(engine, delivery_attempts)]
    assert found == [("delivered", NOW), ("released", NOW), ("delivered", NOW + START_TIME)]


def test_each_batch_is_watched_from_its_start_to_its_end(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    limits: list[timedelta | None] = []
    drain(engine, FakeProvider(batch_size=1), clock, watch=limits.append)
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
