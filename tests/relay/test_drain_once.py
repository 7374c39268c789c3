"""The command line's drain decides which providers get worker processes: those with work, and no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.outbox import deletion, outcomes, owed_evidence, provider_state
from fairmind_sync.relay import drain, drain_processes
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.evidence_states import WAITING, EvidenceState
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import results_table
from tests.support.clock import NOW
from tests.support.deliveries import LEASE, claimed, dead, delivered, save

BLOCKED = ProviderBlockedError("the key is wrong")


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the drain would have processes do: the providers, and the longest time."""
    asked: list[Any] = []

    def run(
        engine: Engine,
        settings: Settings,
        providers: Sequence[str],
        on_progress: Callable[[], None],
        most_seconds: float | None,
    ) -> None:
        assert isinstance(engine, Engine)
        assert isinstance(settings, Settings)
        asked.append((providers, most_seconds))
        on_progress()

    monkeypatch.setattr(drain_processes, "run", run)
    return asked


def note_blocked(engine: Engine, *, at: Any = NOW) -> None:
    with writing(engine) as connection:
        provider_state.note_unavailable(
            connection, "mlflow", BLOCKED, "the key is wrong", chance=Random(1), now=at
        )


def test_nothing_due_starts_no_process(
    engine: Engine, configured: Settings, asked: list[Any]
) -> None:
    delivered(engine)
    assert drain.drain_once(engine, configured) == {}
    assert asked == []


def test_what_a_clock_that_was_set_back_left_for_tomorrow_is_due(
    engine: Engine, configured: Settings, asked: list[Any]
) -> None:
    """A host that is only drained has no daemon to correct it."""
    save(engine, "mlflow", now=utc_now() + timedelta(days=1))
    drain.drain_once(engine, configured)
    assert asked == [(["mlflow"], None)]


def test_only_a_provider_with_something_due_gets_a_process(
    engine: Engine, configured: Settings, asked: list[Any]
) -> None:
    save(engine, "mlflow")
    drain.drain_once(engine, configured, most_seconds=7)
    assert asked == [(["mlflow"], 7)]


def test_what_waits_for_a_later_try_starts_no_process(
    engine: Engine, configured: Settings, asked: list[Any]
) -> None:
    save(engine, "mlflow", now=utc_now() + timedelta(hours=1))
    assert drain.drain_once(engine, configured) == {"mlflow": 1}
    assert asked == []


def test_a_lease_that_ran_out_is_work(
    engine: Engine, configured: Settings, asked: list[Any]
) -> None:
    claimed(engine, now=utc_now() - 2 * LEASE)
    drain.drain_once(engine, configured)
    assert [providers for providers, _ in asked] == [["mlflow"]]


def test_a_run_that_may_have_been_left_behind_is_work(
    engine: Engine, configured: Settings, asked: list[Any]
) -> None:
    delivery = claimed(engine, now=utc_now())
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", NOW)
        outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, "too large", NOW)
    drain.drain_once(engine, configured)
    assert [providers for providers, _ in asked] == [["mlflow"]]


def test_missing_evidence_that_is_due_is_work_where_evidence_is_wanted(
    engine: Engine, configured: Settings, asked: list[Any]
) -> None:
    delivery = delivered(engine)
    with writing(engine) as connection:
        owed_evidence.note(connection, delivery.id, EvidenceState(WAITING, "away"), NOW)
    drain.drain_once(engine, configured.model_copy(update={"evidence": "none"}))
    assert asked == []
    drain.drain_once(engine, configured)
    assert [providers for providers, _ in asked] == [["mlflow"]]


def test_a_blocked_provider_is_probed_at_once_if_something_waits(
    engine: Engine, configured: Settings, asked: list[Any]
) -> None:
    note_blocked(engine, at=utc_now())
    drain.drain_once(engine, configured)
    assert asked == []
    save(engine, "mlflow", now=utc_now() + timedelta(hours=1))
    drain.drain_once(engine, configured)
    assert [providers for providers, _ in asked] == [["mlflow"]]


def test_a_blocked_provider_without_backlog_is_probed_when_that_is_due(
    engine: Engine, configured: Settings, asked: list[Any]
) -> None:
    note_blocked(engine, at=NOW)
    drain.drain_once(engine, configured)
    assert [providers for providers, _ in asked] == [["mlflow"]]


def test_a_paused_provider_gets_no_process(
    engine: Engine, configured: Settings, asked: list[Any]
) -> None:
    save(engine, "mlflow")
    note_blocked(engine)
    with writing(engine) as connection:
        provider_state.pause(connection, "mlflow", NOW)
    drain.drain_once(engine, configured)
    assert asked == []


def test_a_deletion_that_waited_for_an_attempt_is_finished(
    engine: Engine, configured: Settings, asked: list[Any]
) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        deletion.delete(connection, delivery.result.test_id, "user-1", NOW)
    drain.drain_once(engine, configured)
    assert asked == []
    with reading(engine) as connection:
        (row,) = connection.execute(results_table.select())
    assert row.erased_at is not None


def test_what_is_left_is_told_by_provider(engine: Engine, configured: Settings) -> None:
    dead(engine)
    save(engine, "mlflow")
    told: list[dict[str, int]] = []
    assert drain.drain_once(engine, configured, told.append) == {"mlflow": 2}
    assert told[-1] == {"mlflow": 2}


def test_what_is_left_is_of_enabled_providers(engine: Engine, configured: Settings) -> None:
    save(engine, "mlflow", "wandb")
    one = configured.model_copy(update={"provider": "wandb"})
    assert drain.unfinished(engine, one) == {"wandb": 1}
