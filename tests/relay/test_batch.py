"""A leased batch by itself: what joins it, what may start, and what is left of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.relay.batch import CLAIM_TIME, START_TIME, LeasedBatch
from fairmind_sync.results.delivery import Delivery
from tests.support.clock import Clock
from tests.support.values import delivery

JUST_BEFORE = timedelta(microseconds=-1)
SET_BACK = timedelta(microseconds=-1)


def numbered(*numbers: int) -> list[Delivery]:
    return [replace(delivery(), id=number) for number in numbers]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def batch_of(
    clock: Clock,
    *first: int,
    joining: Callable[[], list[Delivery]] = list,
    should_stop: Callable[[], bool] = lambda: False,
) -> LeasedBatch:
    return LeasedBatch(numbered(*first), joining, should_stop, clock)


def once(*numbers: int) -> Callable[[], list[Delivery]]:
    """Claims these, and nothing the next time."""
    claims = [numbered(*numbers)]
    return lambda: claims.pop() if claims else []


def test_deliveries_are_taken_in_their_order(clock: Clock) -> None:
    assert [one.id for one in batch_of(clock, 1, 2, 3)] == [1, 2, 3]


def test_what_joins_is_taken_in_its_order(clock: Clock) -> None:
    assert [one.id for one in batch_of(clock, 1, joining=once(2, 3))] == [1, 2, 3]


@pytest.mark.parametrize(
    ("passed", "taken"),
    [
        (timedelta(), [1, 2]),
        (CLAIM_TIME + JUST_BEFORE, [1, 2]),
        (CLAIM_TIME, [1]),
        (SET_BACK, [1]),
    ],
    ids=["at once", "just in time", "late", "clock set back"],
)
def test_a_batch_is_joined_within_its_time_only(
    clock: Clock, passed: timedelta, taken: list[int]
) -> None:
    batch = batch_of(clock, 1, joining=once(2))
    clock.advance(passed)
    assert [one.id for one in batch] == taken


@pytest.mark.parametrize(
    ("passed", "may_start"),
    [
        (timedelta(), True),
        (START_TIME + JUST_BEFORE, True),
        (START_TIME, False),
        (SET_BACK, False),
    ],
    ids=["at once", "just in time", "late", "clock set back"],
)
def test_deliveries_start_within_the_time_of_their_batch(
    clock: Clock, passed: timedelta, may_start: bool
) -> None:
    batch = batch_of(clock, 1)
    clock.advance(passed)
    assert batch.may_start() is may_start


def test_nothing_starts_once_the_relay_should_stop(clock: Clock) -> None:
    assert not batch_of(clock, 1, should_stop=lambda: True).may_start()


def test_nothing_starts_once_the_provider_is_unavailable(clock: Clock) -> None:
    batch = batch_of(clock, 1)
    batch.stop(ProviderOfflineError("no route"))
    assert not batch.may_start()


def test_of_several_reasons_to_stop_the_first_is_kept(clock: Clock) -> None:
    batch = batch_of(clock, 1)
    first = ProviderOfflineError("no route")
    batch.stop(first)
    batch.stop(ProviderBlockedError("no key"))
    assert batch.stopped_by is first


def test_what_is_taken_is_held_until_it_is_settled(clock: Clock) -> None:
    batch = batch_of(clock, 1, 2, 3)
    taking = iter(batch)
    first, second = next(taking), next(taking)
    batch.settle(first)
    assert (batch.taken, [one.id for one in batch.waiting]) == ({second.id: second}, [3])


def test_a_batch_that_keeps_all_gives_nothing_back(clock: Clock) -> None:
    batch = batch_of(clock, 1, 2)
    next(iter(batch))
    batch.keep_all()
    assert (batch.taken, batch.waiting) == ({}, [])


def test_a_batch_that_keeps_what_was_begun_gives_the_rest_back(clock: Clock) -> None:
    batch = batch_of(clock, 1, 2, 3)
    taking = iter(batch)
    first, second = next(taking), next(taking)
    batch.begun.add(first.id)
    batch.keep_begun()
    assert (batch.taken, [one.id for one in batch.waiting]) == ({second.id: second}, [3])
