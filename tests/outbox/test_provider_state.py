"""Ready, offline, blocked: when a provider is asked again, and what is news."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import provider_state
from fairmind_sync.outbox.provider_state import BLOCKED_PROBE, ProviderState
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.storage.engine import reading, writing
from tests.support.clock import NOW

pytestmark = pytest.mark.both_databases

MINUTE = timedelta(minutes=1)
LATER = NOW + 10 * MINUTE


def read(engine: Engine, provider: ProviderName = "mlflow") -> ProviderState:
    with reading(engine) as connection:
        return provider_state.read(connection, provider)


def offline(
    engine: Engine, now: datetime = NOW, reason: str = "no route", after: timedelta = timedelta()
) -> bool:
    with writing(engine) as connection:
        return provider_state.note_offline(
            connection, "mlflow", reason, after=after, chance=Random(1), now=now
        )


def blocked(engine: Engine, now: datetime = NOW, reason: str = "wrong key") -> bool:
    with writing(engine) as connection:
        return provider_state.note_blocked(connection, "mlflow", reason, chance=Random(1), now=now)


def ready(engine: Engine, now: datetime = NOW) -> None:
    with writing(engine) as connection:
        provider_state.note_ready(connection, "mlflow", now)


def success(engine: Engine, now: datetime = NOW) -> None:
    with writing(engine) as connection:
        provider_state.note_success(connection, "mlflow", now)


def test_a_provider_of_which_nothing_is_known_is_ready(engine: Engine) -> None:
    assert read(engine) == ProviderState("ready", None, None, None, None)


def test_a_ready_provider_may_be_tried(engine: Engine) -> None:
    ready(engine)
    assert read(engine).may_try(NOW)


def test_an_offline_provider_says_since_when_and_why(engine: Engine) -> None:
    offline(engine)
    state = read(engine)
    assert (state.state, state.reason, state.since, state.is_ready) == (
        "offline",
        "no route",
        NOW,
        False,
    )


def test_an_offline_provider_is_probed_within_two_seconds_at_first(engine: Engine) -> None:
    offline(engine)
    probe_at = read(engine).next_probe_at
    assert probe_at is not None
    assert NOW < probe_at <= NOW + timedelta(seconds=2)


def test_a_provider_that_asks_to_be_left_alone_is(engine: Engine) -> None:
    offline(engine, after=5 * MINUTE)
    assert read(engine).next_probe_at == NOW + 5 * MINUTE


@pytest.mark.parametrize("note", [offline, blocked])
def test_a_provider_that_is_not_ready_may_be_tried_when_its_probe_is_due(
    engine: Engine, note: Any
) -> None:
    note(engine)
    state = read(engine)
    assert state.next_probe_at is not None
    just_before = state.next_probe_at - timedelta(microseconds=1)
    assert (state.may_try(just_before), state.may_try(state.next_probe_at)) == (False, True)


@pytest.mark.parametrize("note", [offline, blocked])
def test_the_outage_lasts_since_it_began(engine: Engine, note: Any) -> None:
    note(engine)
    note(engine, LATER)
    assert read(engine).since == NOW


@pytest.mark.parametrize(("first", "then"), [(offline, blocked), (blocked, offline)])
def test_another_outage_begins_anew(engine: Engine, first: Any, then: Any) -> None:
    first(engine)
    then(engine, LATER)
    assert read(engine).since == LATER


@pytest.mark.parametrize(
    "after", [timedelta(hours=2), timedelta(seconds=60_000), timedelta(seconds=900_000_000_000)]
)
def test_a_server_that_asks_for_more_than_an_hour_is_probed_after_an_hour(
    engine: Engine, after: timedelta
) -> None:
    """It may mean milliseconds, or a day that no clock has."""
    offline(engine, after=after)
    assert read(engine).next_probe_at == NOW + timedelta(hours=1)


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_a_blocked_provider_is_probed_after_one_to_two_minutes(
    engine: Engine, chance: float
) -> None:
    class Fixed(Random):
        def random(self) -> float:
            return chance

    with writing(engine) as connection:
        provider_state.note_blocked(connection, "mlflow", "no key", chance=Fixed(), now=NOW)
    assert read(engine).next_probe_at == NOW + (1 + chance) * MINUTE


def test_a_blocked_provider_is_probed_slowly(engine: Engine) -> None:
    blocked(engine)
    probe_at = read(engine).next_probe_at
    assert probe_at is not None
    assert NOW + BLOCKED_PROBE / 2 <= probe_at <= NOW + BLOCKED_PROBE


def test_the_beginning_of_an_outage_is_news_once(engine: Engine) -> None:
    assert [offline(engine), offline(engine, LATER, "time-out")] == [True, False]


def test_a_block_is_news_once_for_each_reason(engine: Engine) -> None:
    reasons = ("wrong key", "wrong key", "no such project")
    assert [blocked(engine, NOW, reason) for reason in reasons] == [True, False, True]


def test_going_offline_while_blocked_is_news(engine: Engine) -> None:
    blocked(engine)
    assert offline(engine)


def test_a_ready_provider_has_no_reason_and_no_probe(engine: Engine) -> None:
    offline(engine)
    ready(engine, LATER)
    assert read(engine) == ProviderState("ready", None, LATER, None, None)


def test_going_offline_after_a_recovery_is_news_again(engine: Engine) -> None:
    offline(engine)
    ready(engine)
    assert offline(engine)


def test_a_success_is_remembered(engine: Engine) -> None:
    success(engine)
    assert read(engine).last_success_at == NOW


def test_a_success_makes_a_provider_ready(engine: Engine) -> None:
    offline(engine)
    success(engine, LATER)
    assert read(engine) == ProviderState("ready", None, LATER, None, LATER)


def test_a_success_of_a_ready_provider_does_not_restart_its_time(engine: Engine) -> None:
    success(engine)
    success(engine, LATER)
    assert (read(engine).since, read(engine).last_success_at) == (NOW, LATER)


@pytest.mark.parametrize("note", [offline, blocked, ready])
def test_the_last_success_is_not_forgotten(engine: Engine, note: Any) -> None:
    success(engine)
    note(engine, LATER)
    assert read(engine).last_success_at == NOW


def test_each_provider_has_a_state_of_its_own(engine: Engine) -> None:
    offline(engine)
    assert read(engine, "wandb").is_ready


@pytest.mark.parametrize("note", [offline, blocked])
def test_whatever_is_not_ready_can_be_probed_at_once(engine: Engine, note: Any) -> None:
    note(engine)
    with writing(engine) as connection:
        provider_state.probe_soon(connection, NOW)
    assert read(engine).may_try(NOW)


def test_what_is_ready_is_not_probed(engine: Engine) -> None:
    ready(engine)
    with writing(engine) as connection:
        provider_state.probe_soon(connection, NOW)
    assert read(engine).next_probe_at is None
