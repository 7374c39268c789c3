"""A provider that an upload breaks, as one that ends wandb-core does: whose attempt counts, who goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.backoff import LONGEST_DELAY
from fairmind_sync.errors import ProviderBrokenError
from fairmind_sync.providers.base import Journal, Outcome
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.storage.tables import attempts_table, outbox_table
from fairmind_sync.testing import FakeProvider
from tests.support.clock import NOW, Clock
from tests.support.databases import rows
from tests.support.deliveries import save

pytestmark = pytest.mark.both_databases

ATTEMPTS = 3


@dataclass
class BreakingProvider(FakeProvider):
    """Breaks once it uploads, or before; notes of which deliveries a run was to be made."""

    poison: int = 1
    breaks_before: bool = False
    uploaded: list[int] = field(default_factory=list)

    def _deliver_one(self, delivery: Delivery, journal: Journal) -> Outcome:
        if delivery.id != self.poison:
            self.uploaded.append(delivery.id)
            return super()._deliver_one(delivery, journal)
        if not self.breaks_before:
            journal.creating(delivery, "memory")
        raise ProviderBrokenError("the core died")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def broken(engine: Engine, clock: Clock, **provider: Any) -> BreakingProvider:
    """The provider of a fresh worker, which ends by it."""
    one = BreakingProvider(**provider)
    with pytest.raises(ProviderBrokenError, match="the core died"):
        Relay(engine, one, ATTEMPTS, clock=clock, chance=Random(1)).drain()
    return one


def save_some(engine: Engine, count: int) -> None:
    for _ in range(count):
        save(engine, "mlflow")


def test_what_breaks_the_provider_before_its_run_is_begun_costs_no_attempt(
    engine: Engine, clock: Clock
) -> None:
    save_some(engine, 1)
    broken(engine, clock, breaks_before=True)
    (row,) = rows(engine, outbox_table)
    assert (row.attempts, row.lease_token, row.due_at) == (0, None, NOW)


def test_an_upload_that_breaks_the_provider_costs_an_attempt(engine: Engine, clock: Clock) -> None:
    """As after a worker's death: its lease is over, and the next attempt comes after a delay."""
    save_some(engine, 1)
    broken(engine, clock)
    (row,), (attempt,) = rows(engine, outbox_table), rows(engine, attempts_table)
    assert (row.attempts, row.lease_expires_at, row.due_at > NOW) == (1, NOW, True)
    assert (row.lease_token, attempt.outcome) == (attempt.lease_token, None)


def test_what_was_not_begun_is_given_back(engine: Engine, clock: Clock) -> None:
    save_some(engine, 3)
    broken(engine, clock)
    others = rows(engine, outbox_table)[1:]
    assert [(row.attempts, row.lease_token, row.due_at) for row in others] == [(0, None, NOW)] * 2


def test_the_others_are_delivered_first_and_what_broke_the_provider_alone(
    engine: Engine, clock: Clock
) -> None:
    save_some(engine, 3)
    broken(engine, clock)
    clock.advance(timedelta(microseconds=1))
    before = FakeProvider()
    Relay(engine, before, ATTEMPTS, clock=clock).drain()
    clock.advance(LONGEST_DELAY)
    alone = broken(engine, clock)
    assert ([one.id for one in before.runs.values()], alone.uploaded) == ([2, 3], [])


def test_what_breaks_the_provider_in_each_attempt_is_dead_in_the_end(
    engine: Engine, clock: Clock
) -> None:
    save_some(engine, 1)
    for _ in range(ATTEMPTS):
        broken(engine, clock)
        clock.advance(LONGEST_DELAY)
    Relay(engine, FakeProvider(), ATTEMPTS, clock=clock).drain()
    (row,) = rows(engine, outbox_table)
    said = "the worker process ended in each of 3 attempts"
    assert (row.status, row.attempts, row.last_error) == ("dead", 3, said)
