"""A paused provider gets nothing, whatever becomes of it meanwhile, until it is resumed."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from fairmind_sync.operating import actions
from fairmind_sync.outbox import outcomes, provider_state, workload
from fairmind_sync.outbox.provider_state import ProviderState
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.relay.loop import Relay
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import current_time, reading, writing
from fairmind_sync.testing import FakeProvider
from tests.support.clock import NOW
from tests.support.databases import store_of
from tests.support.deliveries import RUN, claim, save

pytestmark = pytest.mark.both_databases

MINUTE = timedelta(minutes=1)
LATER = NOW + MINUTE
KNOWN = ("state", "reason", "since", "next_probe_at", "last_success_at", "address")


def offline(connection: Connection, now: datetime = NOW) -> None:
    provider_state.note_offline(
        connection,
        "mlflow",
        "no route",
        after=timedelta(),
        address="http://away",
        chance=Random(1),
        now=now,
    )


def blocked(connection: Connection, now: datetime = NOW) -> None:
    provider_state.note_blocked(connection, "mlflow", "wrong key", chance=Random(1), now=now)


def ready(connection: Connection, now: datetime = NOW) -> None:
    provider_state.note_ready(connection, "mlflow", now)


def success(connection: Connection, now: datetime = NOW) -> None:
    provider_state.note_success(connection, "mlflow", now)


def pause_at_start(engine: Engine, longest: timedelta | None) -> None:
    """A relay's `watch`, which is called at the start and at the end of each batch."""
    if longest is not None:
        pause(engine)


def note(engine: Engine, noted: Any, now: datetime = NOW) -> None:
    with writing(engine) as connection:
        noted(connection, now)


def pause(engine: Engine, now: datetime = NOW) -> bool:
    with writing(engine) as connection:
        return provider_state.pause(connection, "mlflow", now)


def resume(engine: Engine, now: datetime = NOW) -> bool:
    with writing(engine) as connection:
        return provider_state.resume(connection, "mlflow", now)


def read(engine: Engine, provider: ProviderName = "mlflow") -> ProviderState:
    with reading(engine) as connection:
        return provider_state.read(connection, provider)


def has_work(engine: Engine) -> bool:
    with reading(engine) as connection:
        return workload.has_work(connection, "mlflow", NOW)


def next_work_at(engine: Engine) -> datetime | None:
    with reading(engine) as connection:
        return workload.read_all(connection)["mlflow"].next_at


def test_a_pause_is_news_once(engine: Engine) -> None:
    assert [pause(engine), pause(engine, LATER)] == [True, False]


def test_a_pause_lasts_since_it_began(engine: Engine) -> None:
    pause(engine)
    pause(engine, LATER)
    assert read(engine).paused_at == NOW


def test_a_ready_provider_that_is_paused_may_not_be_tried(engine: Engine) -> None:
    pause(engine)
    assert not read(engine).may_try(LATER)


def test_a_paused_provider_is_ready_all_the_same(engine: Engine) -> None:
    pause(engine)
    assert read(engine).is_ready


def test_each_provider_has_a_pause_of_its_own(engine: Engine) -> None:
    pause(engine)
    assert not read(engine, "wandb").is_paused


@pytest.mark.parametrize("noted", [offline, blocked, ready, success])
def test_a_pause_changes_nothing_else_that_is_known(engine: Engine, noted: Any) -> None:
    note(engine, noted)
    before = read(engine)
    pause(engine, LATER)
    after = read(engine)
    assert {name: getattr(after, name) for name in KNOWN} == {
        name: getattr(before, name) for name in KNOWN
    }


@pytest.mark.parametrize("noted", [offline, blocked])
def test_a_provider_that_is_not_ready_can_be_paused(engine: Engine, noted: Any) -> None:
    note(engine, noted)
    pause(engine, LATER)
    assert read(engine).paused_at == LATER


@pytest.mark.parametrize("noted", [offline, blocked, ready, success])
def test_whatever_becomes_of_a_provider_its_pause_goes_on(engine: Engine, noted: Any) -> None:
    pause(engine)
    note(engine, noted, LATER)
    assert read(engine).paused_at == NOW


def test_a_daemon_that_starts_does_not_end_a_pause(engine: Engine) -> None:
    pause(engine)
    with writing(engine) as connection:
        provider_state.probe_soon(connection, LATER)
    assert read(engine).is_paused


def test_a_resume_ends_a_pause(engine: Engine) -> None:
    pause(engine)
    assert (resume(engine), read(engine).may_try(NOW)) == (True, True)


def test_a_resume_of_a_ready_provider_has_nothing_to_do(engine: Engine) -> None:
    note(engine, ready)
    assert not resume(engine)


def test_a_resume_of_an_unknown_provider_has_nothing_to_do(engine: Engine) -> None:
    assert not resume(engine)


@pytest.mark.parametrize("noted", [offline, blocked])
def test_a_resume_lets_a_provider_be_probed_at_once(engine: Engine, noted: Any) -> None:
    note(engine, noted)
    assert (resume(engine), read(engine).may_try(NOW)) == (True, True)


@pytest.mark.parametrize("noted", [offline, blocked])
def test_a_resume_after_a_pause_probes_at_once_too(engine: Engine, noted: Any) -> None:
    pause(engine)
    note(engine, noted)
    resume(engine)
    assert read(engine).may_try(NOW)


def test_a_resume_leaves_other_providers_alone(engine: Engine) -> None:
    note(engine, blocked)
    before = read(engine)
    with writing(engine) as connection:
        provider_state.resume(connection, "wandb", NOW)
    assert read(engine) == before


def test_a_paused_provider_has_no_work(engine: Engine) -> None:
    save(engine, "mlflow")
    pause(engine)
    assert not has_work(engine)


def test_a_resumed_provider_has_work(engine: Engine) -> None:
    save(engine, "mlflow")
    pause(engine)
    resume(engine)
    assert has_work(engine)


def test_a_paused_provider_has_no_next_work(engine: Engine) -> None:
    save(engine, "mlflow")
    pause(engine)
    assert next_work_at(engine) is None


def test_a_resumed_provider_has_next_work(engine: Engine) -> None:
    save(engine, "mlflow", now=LATER)
    pause(engine)
    resume(engine)
    assert next_work_at(engine) == LATER


@pytest.mark.parametrize("probe_now", [False, True])
def test_a_drain_sends_a_paused_provider_nothing(engine: Engine, *, probe_now: bool) -> None:
    save(engine, "mlflow")
    pause(engine)
    provider = FakeProvider()
    Relay(engine, provider, max_attempts=1).drain(probe_now=probe_now)
    assert (provider.runs, provider.probes) == ({}, 0)


def test_a_paused_provider_that_is_blocked_is_not_probed(engine: Engine) -> None:
    pause(engine)
    note(engine, blocked)
    provider = FakeProvider()
    Relay(engine, provider, max_attempts=1).drain(probe_now=True)
    assert provider.probes == 0


def test_a_drain_delivers_after_a_resume(engine: Engine) -> None:
    save(engine, "mlflow")
    pause(engine)
    resume(engine)
    provider = FakeProvider()
    Relay(engine, provider, max_attempts=1).drain()
    assert len(provider.runs) == 1


def test_a_drain_that_is_paused_sends_no_further_batch(engine: Engine) -> None:
    for _ in range(3):
        save(engine, "mlflow")
    provider = FakeProvider(batch_size=1)
    Relay(engine, provider, max_attempts=1, watch=partial(pause_at_start, engine)).drain()
    assert len(provider.runs) == 1


def test_what_is_under_way_ends_as_it_would(engine: Engine) -> None:
    save(engine, "mlflow")
    (delivery,) = claim(engine)
    pause(engine)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW)
    with reading(engine) as connection:
        assert workload.backlog(connection, "mlflow").counts["delivered"] == 1


def test_an_operators_pause_says_whether_it_is_news(configured: Settings) -> None:
    assert [actions.pause(store_of(configured), "mlflow") for _ in range(2)] == [True, False]


def test_an_operators_resume_says_whether_there_was_a_reason(configured: Settings) -> None:
    actions.pause(store_of(configured), "mlflow")
    assert [actions.resume(store_of(configured), "mlflow") for _ in range(2)] == [True, False]


def test_an_operators_pause_begins_now(configured: Settings, engine: Engine) -> None:
    before = current_time(engine)
    actions.pause(store_of(configured), "mlflow")
    paused_at = read(engine).paused_at
    assert paused_at is not None
    assert before <= paused_at <= current_time(engine)
