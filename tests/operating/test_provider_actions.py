"""What an operator does to providers, what the log tells of it, and how much of a long list it names."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.operating import actions
from fairmind_sync.outbox import provider_state
from fairmind_sync.outbox.provider_state import ProviderState
from fairmind_sync.storage.engine import current_time, reading, writing
from fairmind_sync.storage.tables import outbox_table
from tests.support.databases import rows
from tests.support.deliveries import dead, save
from tests.support.log_events import captured_logs

pytestmark = pytest.mark.mostly_sqlite

MINUTE = timedelta(minutes=1)


def read(engine: Engine) -> ProviderState:
    with reading(engine) as connection:
        return provider_state.read(connection, "mlflow")


def logged(work: Any) -> tuple[Any, dict[str, Any]]:
    """What the work returns, and the one event that it logs."""
    with captured_logs() as events:
        result = work()
    (event,) = events
    return result, dict(event)


def blocked(engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.note_blocked(connection, "mlflow", "no key", chance=Random(1), now=utc_now())


def test_a_pause_holds_from_now_on(engine: Engine) -> None:
    before = current_time(engine)
    result, event = logged(lambda: actions.pause(engine, "mlflow"))
    paused_at = read(engine).paused_at
    assert paused_at is not None
    assert (result, before <= paused_at <= current_time(engine)) == (True, True)
    assert event == {"event": "provider.paused", "provider": "mlflow", "log_level": "info"}


def test_a_second_pause_is_no_news(engine: Engine) -> None:
    assert [actions.pause(engine, "mlflow") for _ in range(2)] == [True, False]


def test_a_pause_that_is_resumed_is_over(engine: Engine) -> None:
    actions.pause(engine, "mlflow")
    result, event = logged(lambda: actions.resume(engine, "mlflow"))
    assert (result, read(engine).is_paused) == (True, False)
    assert event == {"event": "provider.resumed", "provider": "mlflow", "log_level": "info"}


def test_what_was_ready_has_nothing_to_resume(engine: Engine) -> None:
    assert not actions.resume(engine, "mlflow")


def test_a_blocked_provider_is_probed_at_once_when_it_is_resumed(engine: Engine) -> None:
    blocked(engine)
    may_try = read(engine).may_try(current_time(engine))
    assert actions.resume(engine, "mlflow")
    assert (may_try, read(engine).may_try(current_time(engine))) == (False, True)


def test_a_pause_keeps_a_blocked_provider_as_it_was(engine: Engine) -> None:
    blocked(engine)
    before = read(engine)
    actions.pause(engine, "mlflow")
    after = read(engine)
    assert (after.state, after.since, after.next_probe_at) == (
        before.state,
        before.since,
        before.next_probe_at,
    )


@pytest.mark.parametrize("verb", ["retry", "discard"])
def test_of_a_long_list_the_log_names_the_first_hundred(engine: Engine, verb: str) -> None:
    delivery = dead(engine)
    ids = [delivery.id, *range(1000, 1200)]
    if verb == "retry":
        count, event = logged(lambda: actions.retry(engine, ids))
    else:
        count, event = logged(lambda: actions.discard(engine, ids, "no use"))
        assert event.pop("reason") == "no use"
    assert (count, event["count"], event["deliveries"]) == (1, 1, ids[:100])


def test_a_backfill_takes_as_many_transactions_as_it_needs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "_CHUNK", 2)
    for _ in range(5):
        save(engine)
    told: list[int] = []
    assert actions.backfill(engine, "mlflow", on_progress=told.append) == 5
    assert (told, len(rows(engine, outbox_table))) == ([2, 4, 5], 5)
