"""Who probes a provider and when, and what a pause changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import (
    ProviderBlockedError,
    ProviderOfflineError,
    ProviderUnavailableError,
)
from fairmind_sync.outbox import provider_state
from fairmind_sync.outbox.provider_state import PROBE_TIME, ProviderState
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.storage.engine import reading, writing
from tests.support.clock import NOW

pytestmark = pytest.mark.both_databases

MINUTE = timedelta(minutes=1)
LATER = NOW + 10 * MINUTE


def read(engine: Engine) -> ProviderState:
    with reading(engine) as connection:
        return provider_state.read(connection, "mlflow")


def offline(engine: Engine, now: datetime = NOW) -> None:
    """Looked for at an address."""
    with writing(engine) as connection:
        provider_state.note_offline(
            connection,
            "mlflow",
            "no route",
            after=MINUTE,
            address="http://host",
            chance=Random(1),
            now=now,
        )


def blocked(engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.note_blocked(connection, "mlflow", "no key", chance=Random(1), now=NOW)


def ready(engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.note_ready(connection, "mlflow", NOW)


def due(engine: Engine) -> datetime:
    probe_at = read(engine).next_probe_at
    assert probe_at is not None
    return probe_at


def take_probe(engine: Engine, now: datetime, provider: ProviderName = "mlflow") -> bool:
    with writing(engine) as connection:
        return provider_state.take_probe(connection, provider, now)


@pytest.mark.parametrize("note", [offline, blocked])
def test_a_probe_is_taken_by_one_when_it_is_due(engine: Engine, note: Any) -> None:
    note(engine)
    at = due(engine)
    early = at - timedelta(microseconds=1)
    assert [take_probe(engine, now) for now in (early, at, at)] == [False, True, False]


def test_a_probe_of_which_nothing_comes_is_due_again_after_its_time(engine: Engine) -> None:
    offline(engine)
    take_probe(engine, LATER)
    assert due(engine) == LATER + PROBE_TIME


def test_the_probe_of_a_ready_provider_is_nobodys(engine: Engine) -> None:
    assert not take_probe(engine, NOW)
    ready(engine)
    assert not take_probe(engine, NOW)


def test_a_probe_that_is_taken_is_of_one_provider(engine: Engine) -> None:
    offline(engine)
    assert not take_probe(engine, LATER, "wandb")
    assert take_probe(engine, LATER)


def pause(engine: Engine, now: datetime = NOW) -> bool:
    with writing(engine) as connection:
        return provider_state.pause(connection, "mlflow", now)


def resume(engine: Engine, provider: ProviderName = "mlflow") -> bool:
    with writing(engine) as connection:
        return provider_state.resume(connection, provider, LATER)


def test_a_pause_is_news_once(engine: Engine) -> None:
    assert [pause(engine), pause(engine, LATER)] == [True, False]
    assert read(engine).paused_at == NOW


def test_a_paused_provider_may_not_be_tried(engine: Engine) -> None:
    pause(engine)
    assert not read(engine).may_try(LATER)


def test_a_pause_changes_nothing_else_of_an_offline_provider(engine: Engine) -> None:
    offline(engine)
    before = read(engine)
    pause(engine, LATER)
    assert read(engine) == replace(before, paused_at=LATER)


def test_a_provider_that_was_never_heard_of_is_ready_in_its_pause(engine: Engine) -> None:
    pause(engine)
    assert read(engine) == ProviderState("ready", None, NOW, None, None, paused_at=NOW)


def test_an_outage_during_a_pause_does_not_end_it(engine: Engine) -> None:
    pause(engine)
    offline(engine, LATER)
    assert read(engine).paused_at == NOW


def test_a_ready_provider_that_was_not_paused_has_nothing_to_resume(engine: Engine) -> None:
    ready(engine)
    assert not resume(engine)


def test_a_pause_is_resumed_once(engine: Engine) -> None:
    pause(engine)
    assert [resume(engine), resume(engine), read(engine).is_paused] == [True, False, False]


@pytest.mark.parametrize("note", [offline, blocked])
def test_what_is_not_ready_is_probed_at_once_when_it_is_resumed(engine: Engine, note: Any) -> None:
    note(engine)
    assert (resume(engine), due(engine)) == (True, LATER)


def test_a_provider_that_is_resumed_has_no_other_probed(engine: Engine) -> None:
    offline(engine)
    before = read(engine)
    assert not resume(engine, "wandb")
    assert read(engine) == before


def test_a_pause_of_another_provider_is_not_resumed(engine: Engine) -> None:
    pause(engine)
    assert not resume(engine, "wandb")
    assert read(engine).is_paused


def test_what_is_probed_soon_is_named_and_looked_for_nowhere_in_particular(engine: Engine) -> None:
    offline(engine)
    with writing(engine) as connection:
        provider_state.note_ready(connection, "wandb", NOW)
        assert provider_state.probe_soon(connection, LATER) == ["mlflow"]
    assert (read(engine).address, due(engine)) == (None, LATER)


@pytest.mark.parametrize(
    ("error", "state", "address"),
    [
        (ProviderOfflineError("away", MINUTE, address="http://host"), "offline", "http://host"),
        (ProviderUnavailableError("away"), "offline", None),
        (ProviderBlockedError("away"), "blocked", None),
    ],
    ids=["offline", "of no kind", "blocked"],
)
def test_what_an_error_says_of_a_provider_is_noted(
    engine: Engine, error: ProviderUnavailableError, state: str, address: str | None
) -> None:
    with writing(engine) as connection:
        news = [
            provider_state.note_unavailable(
                connection, "mlflow", error, "in words", chance=Random(1), now=NOW
            )
            for _ in range(2)
        ]
    found = read(engine)
    assert (news, found.state, found.reason, found.since, found.address) == (
        [True, False],
        state,
        "in words",
        NOW,
        address,
    )
    assert (due(engine) == NOW + MINUTE) is (address is not None)
