"""Delays: jitter, caps, and no attempt or outage that breaks them."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from fairmind_sync.backoff import (
    FIRST_DELAY,
    LONGEST_DELAY,
    LONGEST_PROBE,
    SHORTEST_PROBE,
    probe_delay,
    retry_cap,
    retry_delay,
)
from tests.support.values import for_all

attempts = st.integers(min_value=-(10**30), max_value=10**30)
waits = st.timedeltas(min_value=timedelta(), max_value=timedelta.max)


class FixedChance(Random):
    """Always draws the same number."""

    def __init__(self, drawn: float) -> None:
        super().__init__()
        self._drawn = drawn

    def random(self) -> float:
        return self._drawn


chances = st.floats(0, 1, exclude_max=True).map(FixedChance)


def test_the_first_failure_waits_at_most_two_seconds() -> None:
    assert retry_cap(1) == FIRST_DELAY == timedelta(seconds=2)


def test_each_failure_doubles_the_cap() -> None:
    assert [retry_cap(attempt).total_seconds() for attempt in (1, 2, 3, 4)] == [2, 4, 8, 16]


def test_no_cap_is_longer_than_an_hour() -> None:
    assert retry_cap(12) == LONGEST_DELAY == timedelta(hours=1)


def test_the_cap_ends_its_doubling_between_the_eleventh_and_the_twelfth_attempt() -> None:
    assert retry_cap(11) == timedelta(seconds=2048)


@for_all
@given(attempts, st.integers(0, 10**6))
def test_the_cap_never_falls_as_attempts_grow(attempt: int, more: int) -> None:
    assert retry_cap(attempt) <= retry_cap(attempt + more)


@for_all
@given(attempts)
def test_no_attempt_is_too_small_or_too_large_for_a_cap(attempt: int) -> None:
    assert FIRST_DELAY <= retry_cap(attempt) <= LONGEST_DELAY


@for_all
@given(attempts, st.randoms(use_true_random=False))
def test_a_delay_never_exceeds_its_cap(attempt: int, chance: Random) -> None:
    assert timedelta() <= retry_delay(attempt, chance) <= retry_cap(attempt)


def test_the_jitter_is_full_so_the_luckiest_waits_nothing() -> None:
    assert retry_delay(5, FixedChance(0)) == timedelta()


def test_the_jitter_is_uniform_so_half_the_chance_is_half_the_cap() -> None:
    assert retry_delay(5, FixedChance(0.5)) == retry_cap(5) / 2


def test_two_that_failed_together_do_not_return_together() -> None:
    assert len({retry_delay(5, Random(seed)) for seed in range(100)}) > 90


@for_all
@given(attempts, chances, st.timedeltas(min_value=timedelta(), max_value=LONGEST_DELAY))
def test_what_the_server_asks_for_is_waited_at_least(
    attempt: int, chance: Random, asked: timedelta
) -> None:
    assert retry_delay(attempt, chance, at_least=asked) >= asked


@for_all
@given(attempts, chances, waits)
def test_what_the_server_asks_for_never_makes_a_delay_longer_than_an_hour(
    attempt: int, chance: Random, asked: timedelta
) -> None:
    assert retry_delay(attempt, chance, at_least=asked) <= LONGEST_DELAY


def test_a_server_that_asks_for_less_than_the_jitter_changes_nothing() -> None:
    asked = timedelta(seconds=1)
    assert retry_delay(5, FixedChance(0.5), at_least=asked) == retry_delay(5, FixedChance(0.5))


@for_all
@given(waits, chances)
def test_a_probe_waits_between_half_a_second_and_a_minute(
    outage: timedelta, chance: Random
) -> None:
    assert SHORTEST_PROBE <= probe_delay(outage, chance) <= LONGEST_PROBE


@for_all
@given(st.timedeltas(max_value=timedelta(seconds=16)), chances)
def test_a_short_outage_is_probed_again_within_two_seconds(
    outage: timedelta, chance: Random
) -> None:
    assert probe_delay(outage, chance) <= timedelta(seconds=2)


def test_the_probes_slow_down_as_the_outage_lasts() -> None:
    almost_all = FixedChance(0.999)
    outages = [timedelta(seconds=seconds) for seconds in (1, 60, 300, 86_400)]
    delays = [probe_delay(outage, almost_all) for outage in outages]
    assert delays == sorted(set(delays))


def test_an_outage_of_days_is_probed_within_a_minute() -> None:
    assert probe_delay(timedelta(days=30), FixedChance(0.5)) == LONGEST_PROBE / 2


@for_all
@given(waits, waits, chances)
def test_a_longer_outage_never_shortens_the_delay_of_a_probe(
    outage: timedelta, other: timedelta, chance: Random
) -> None:
    shorter, longer = sorted((outage, other))
    assert probe_delay(shorter, chance) <= probe_delay(longer, chance)
