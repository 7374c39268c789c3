"""A sweep in this process: when it is called for, what a provider is told, and what it may change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.outbox import deletion, outcomes, retry_discard, unclean_attempts
from fairmind_sync.outbox.unclean_attempts import Standing
from fairmind_sync.providers.base import Ledger
from fairmind_sync.relay import sweep
from fairmind_sync.storage.engine import current_time, reading, writing
from fairmind_sync.storage.tables import outbox_table, results_table
from fairmind_sync.testing import FakeProvider
from tests.support.databases import rows
from tests.support.deliveries import RUN, claim, save
from tests.support.log_events import captured_logs

pytestmark = pytest.mark.both_databases


@dataclass
class SweptProvider(FakeProvider):
    """Notes whom it is told of, and does what the test says with the ledger."""

    told: list[Sequence[str]] = field(default_factory=list)
    act: Callable[[str, Ledger], object] = lambda _key, _ledger: None

    def sweep(self, suspects: Sequence[str], ledger: Ledger) -> None:
        self.told.append(suspects)
        for key in suspects:
            self.act(key, ledger)


def unclean(engine: Engine, *, is_delivered: bool = False) -> str:
    """The key of a delivery with an attempt that may have made a run, and ended without an outcome."""
    now = current_time(engine)
    save(engine, "mlflow", now=now)
    (delivery,) = claim(engine, now=now)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", now)
        if is_delivered:
            outcomes.release(connection, [delivery], now, "not started")
    if is_delivered:
        (again,) = claim(engine, now=now)
        with writing(engine) as connection:
            outcomes.record_delivered(connection, again, RUN, "somewhere", now)
    return delivery.key


def is_called_for(engine: Engine, provider: Any = "mlflow") -> bool:
    with reading(engine) as connection:
        return sweep.is_called_for(connection, provider, utc_now() + timedelta(minutes=1))


def test_an_unclean_attempt_calls_for_a_sweep_of_its_provider(engine: Engine) -> None:
    before = is_called_for(engine)
    unclean(engine)
    assert (before, is_called_for(engine), is_called_for(engine, "wandb")) == (False, True, False)


def test_an_attempt_that_was_swept_long_after_it_calls_for_no_other_sweep(engine: Engine) -> None:
    unclean(engine)
    with writing(engine) as connection:
        unclean_attempts.note_swept(connection, "mlflow", utc_now() + timedelta(days=60))
        is_called_for = sweep.is_called_for(connection, "mlflow", utc_now() + timedelta(days=60))
    assert not is_called_for


def test_a_provider_is_told_the_suspects_and_the_log_how_many(engine: Engine) -> None:
    key = unclean(engine)
    provider = SweptProvider()
    with captured_logs() as events:
        sweep.sweep(engine, provider)
    assert (provider.told, events) == (
        [[key]],
        [{"event": "sweep.done", "provider": "mlflow", "suspects": 1, "log_level": "info"}],
    )


def test_without_a_suspect_no_provider_is_asked(engine: Engine) -> None:
    save(engine, "mlflow")
    provider = SweptProvider()
    with captured_logs() as events:
        sweep.sweep(engine, provider)
    assert (provider.told, events) == ([], [])


def test_what_another_daemon_sweeps_is_left_to_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks: list[str] = []

    @contextmanager
    def taken(_engine: Engine, what: str) -> Iterator[bool]:
        locks.append(what)
        yield False

    unclean(engine)
    monkeypatch.setattr(sweep, "try_advisory_lock", taken)
    provider = SweptProvider()
    sweep.sweep(engine, provider)
    assert (provider.told, locks) == ([], ["sweep mlflow"])


def test_a_ledger_tells_the_standing_of_a_run(engine: Engine) -> None:
    unclean(engine, is_delivered=True)
    (result,) = rows(engine, results_table)
    seen: list[Standing | None] = []

    def look(key: str, ledger: Ledger) -> None:
        seen.extend((ledger.standing(key), ledger.standing("0" * 32)))

    sweep.sweep(engine, SweptProvider(act=look))
    assert seen == [Standing("delivered", RUN.id, result.created_at, "somewhere"), None]


def again(key: str, ledger: Ledger) -> None:
    ledger.deliver_again(key, "it is running")


def test_a_deleted_run_is_noted_and_told_once(engine: Engine) -> None:
    def deleted(key: str, ledger: Ledger) -> None:
        ledger.note_deleted(key)

    key = unclean(engine, is_delivered=True)
    with captured_logs() as events:
        sweep.sweep(engine, SweptProvider(act=deleted))
        sweep.sweep(engine, SweptProvider(act=deleted))
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.last_error_kind) == ("delivered", "run_deleted")
    told = {"event": "run.deleted_by_somebody", "log_level": "warning"}
    assert [one for one in events if one["event"] != "sweep.done"] == [
        {**told, "provider": "mlflow", "key": key}
    ]


def test_the_run_of_what_is_given_up_is_recorded(engine: Engine) -> None:
    unclean(engine)
    with writing(engine) as connection:
        retry_discard.discard(connection, [1], "no", current_time(engine) + timedelta(hours=1))
    answers: list[bool] = []

    def note(key: str, ledger: Ledger) -> None:
        answers.extend(ledger.note_abandoned(key, run_id) for run_id in ("r", "other"))

    sweep.sweep(engine, SweptProvider(act=note))
    assert (answers, rows(engine, outbox_table)[0].run_id) == ([True, False], "r")


def test_what_a_sweep_reopens_is_due_and_told(engine: Engine) -> None:
    key = unclean(engine, is_delivered=True)
    with captured_logs() as events:
        sweep.sweep(engine, SweptProvider(act=again))
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.last_error, row.due_at <= current_time(engine)) == (
        "pending",
        "it is running",
        True,
    )
    assert events[0] == {
        "event": "delivery.reopened",
        "provider": "mlflow",
        "key": key,
        "reason": "it is running",
        "log_level": "warning",
    }


def test_what_is_not_delivered_is_not_reopened_and_not_told(engine: Engine) -> None:
    unclean(engine)
    before = rows(engine, outbox_table)
    with captured_logs() as events:
        sweep.sweep(engine, SweptProvider(act=again))
    assert ([event["event"] for event in events], rows(engine, outbox_table)) == (
        ["sweep.done"],
        before,
    )


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_ledger_says_whether_a_result_can_be_delivered_again(
    engine: Engine, *, is_deleted: bool
) -> None:
    unclean(engine, is_delivered=True)
    if is_deleted:
        (result,) = rows(engine, results_table)
        deletion.delete_for(engine, result.test_id, result.user_id, None)
    answers: list[bool] = []

    def ask(key: str, ledger: Ledger) -> None:
        answers.append(ledger.deliver_again(key, "it is running"))

    sweep.sweep(engine, SweptProvider(act=ask))
    assert answers == [not is_deleted]
