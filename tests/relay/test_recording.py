"""How outcomes are recorded and told: all that an event says, and what a lost lease leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.backoff import retry_delay
from fairmind_sync.errors import LeaseLostError
from fairmind_sync.outbox import provider_state
from fairmind_sync.outbox.claims import LEASE
from fairmind_sync.providers.base import Dead, Delivered, Retry
from fairmind_sync.relay.journal import OutboxJournal
from fairmind_sync.relay.recording import Recorder
from fairmind_sync.results.delivery import Delivery, Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.evidence_states import ALL_STORED, WAITING, EvidenceState
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import attempts_table, outbox_table, provider_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import RUN, claim, claimed, save
from tests.support.log_events import captured_logs

pytestmark = pytest.mark.both_databases

SECRET = "correct-horse-battery"  # noqa: S105 no secret
LATER = NOW + timedelta(seconds=5)
MOST = 4


def recorder(engine: Engine) -> Recorder:
    return Recorder(engine, "mlflow", MOST, lambda: LATER, Random(1), (SECRET,))


def bound(delivery: Delivery) -> dict[str, Any]:
    """What every event says of its delivery."""
    return {
        "provider": "mlflow",
        "delivery": delivery.id,
        "test_id": delivery.result.test_id,
        "attempt": delivery.attempts,
    }


def fail(engine: Engine, delivery: Delivery, given: Retry | Dead) -> list[Any]:
    with captured_logs() as events:
        recorder(engine).record_failed(delivery, given)
    return events


def overtaken(engine: Engine) -> Delivery:
    delivery = claimed(engine, now=NOW - LEASE)
    claim(engine)
    return delivery


def test_a_retry_is_recorded_and_told_with_kind_reason_and_time(engine: Engine) -> None:
    delivery = claimed(engine)
    due_at = LATER + retry_delay(1, Random(1))
    assert fail(engine, delivery, Retry(ErrorKind.UNCERTAIN, f"no reply to {SECRET}")) == [
        {
            "event": "delivery.retry_scheduled",
            "fairmind": "MLflow logging error",
            "log_level": "warning",
            "kind": "uncertain",
            "reason": "no reply to [hidden]",
            "due_at": due_at.isoformat(),
            **bound(delivery),
        }
    ]
    (row,), (attempt,) = rows(engine, outbox_table), rows(engine, attempts_table)
    assert (row.status, row.due_at, row.last_error) == ("pending", due_at, "no reply to [hidden]")
    assert (attempt.finished_at, attempt.error) == (LATER, "no reply to [hidden]")


def test_a_retry_waits_as_long_as_the_provider_asks(engine: Engine) -> None:
    minute = timedelta(minutes=1)
    fail(engine, claimed(engine), Retry(ErrorKind.UNCERTAIN, "429", minute))
    assert rows(engine, outbox_table)[0].due_at == LATER + minute


def test_what_was_not_tried_costs_no_attempt_and_buries_nothing(engine: Engine) -> None:
    save(engine, "mlflow")
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(attempts=MOST - 1))
    (delivery,) = claim(engine)
    fail(engine, delivery, Retry(ErrorKind.UNCERTAIN, "wait", is_counted=False))
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.attempts) == ("pending", MOST - 1)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (Dead(ErrorKind.TOO_LARGE, f"too large: {SECRET}"), "too_large"),
        (Retry(ErrorKind.UNCERTAIN, f"too large: {SECRET}"), "uncertain"),
    ],
    ids=["dead", "last attempt"],
)
def test_what_is_buried_is_recorded_and_told_with_kind_and_reason(
    engine: Engine, given: Retry | Dead, kind: str
) -> None:
    save(engine, "mlflow")
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(attempts=MOST - 1))
    (delivery,) = claim(engine)
    assert fail(engine, delivery, given) == [
        {
            "event": "delivery.dead",
            "fairmind": "MLflow logging error",
            "log_level": "error",
            "kind": kind,
            "reason": "too large: [hidden]",
            **bound(delivery),
        }
    ]
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.finished_at, row.last_error, row.last_error_kind) == (
        "dead",
        LATER,
        "too large: [hidden]",
        kind,
    )


@pytest.mark.parametrize(
    "given",
    [Retry(ErrorKind.UNCERTAIN, "no reply"), Dead(ErrorKind.TOO_LARGE, "16 MB")],
    ids=lambda given: type(given).__name__,
)
def test_a_failure_of_a_lost_lease_is_told_and_dropped(engine: Engine, given: Retry | Dead) -> None:
    delivery = overtaken(engine)
    before = rows(engine, outbox_table)
    assert fail(engine, delivery, given) == [
        {
            "event": "delivery.lease_lost",
            "log_level": "warning",
            "outcome": type(given).__name__,
            **bound(delivery),
        }
    ]
    assert rows(engine, outbox_table) == before


def test_runs_that_ended_together_are_recorded_and_told_each(engine: Engine) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    first, second = claim(engine)
    runs = [RUN, Run("run-2", None)]
    reports = [
        (one, Delivered(run, "there")) for one, run in zip((first, second), runs, strict=True)
    ]
    with captured_logs() as events:
        recorder(engine).record_delivered(reports)
    assert events == [
        {
            "event": "delivery.delivered",
            "log_level": "info",
            "run_id": run.id,
            "url": run.url,
            **bound(delivery),
        }
        for delivery, run in zip((first, second), runs, strict=True)
    ]
    found = [
        (row.status, row.run_id, row.run_url, row.destination, row.finished_at)
        for row in rows(engine, outbox_table)
    ]
    assert found == [("delivered", run.id, run.url, "there", LATER) for run in runs]


def test_what_a_run_lacks_is_recorded_and_told_without_secrets(engine: Engine) -> None:
    lacks = EvidenceState(WAITING, f"no store at {SECRET}")
    with captured_logs() as events:
        recorder(engine).record_delivered([(claimed(engine), Delivered(RUN, "there", lacks))])
    (row,) = rows(engine, outbox_table)
    assert (row.evidence_state, row.evidence_reason) == ("waiting", "no store at [hidden]")
    missing = events[1]
    assert (missing["event"], missing["state"]) == ("evidence.missing", "waiting")
    assert missing["reason"] == "no store at [hidden]"


def test_of_a_run_that_lacks_nothing_nothing_more_is_told(engine: Engine) -> None:
    with captured_logs() as events:
        recorder(engine).record_delivered([(claimed(engine), Delivered(RUN, "there", ALL_STORED))])
    assert [event["event"] for event in events] == ["delivery.delivered"]


def test_a_run_is_a_success_of_its_provider(engine: Engine) -> None:
    recorder(engine).record_delivered([(claimed(engine), Delivered(RUN, "there"))])
    with reading(engine) as connection:
        assert provider_state.read(connection, "mlflow").last_success_at == LATER
    assert [row.provider for row in rows(engine, provider_table)] == ["mlflow"]


def test_a_run_of_a_lost_lease_is_told_and_keeps_no_other_back(engine: Engine) -> None:
    lost = overtaken(engine)
    save(engine, "mlflow")
    (kept,) = claim(engine)
    with captured_logs() as events:
        recorder(engine).record_delivered([(one, Delivered(RUN, "there")) for one in (lost, kept)])
    assert events[0] == {
        "event": "delivery.lease_lost",
        "log_level": "warning",
        "outcome": "Delivered",
        **bound(lost),
    }
    assert [event["event"] for event in events[1:]] == ["delivery.delivered"]
    assert [row.status for row in rows(engine, outbox_table)] == ["pending", "delivered"]


def journal(engine: Engine, extend: Callable[[], None] = lambda: None) -> OutboxJournal:
    return OutboxJournal(engine, lambda: LATER, LEASE, extend)


def test_a_journal_writes_what_must_be_durable(engine: Engine) -> None:
    delivery = claimed(engine)
    journal(engine).creating(delivery, "there")
    journal(engine).created(delivery, "run-7")
    (row,) = rows(engine, outbox_table)
    assert (row.create_attempted_at, row.destination, row.run_id) == (LATER, "there", "run-7")


def test_a_journal_takes_back_what_was_not_sent(engine: Engine) -> None:
    delivery = claimed(engine)
    journal(engine).creating(delivery, "there")
    journal(engine).not_created(delivery)
    assert rows(engine, outbox_table)[0].create_attempted_at is None


def test_what_was_not_sent_with_a_lost_lease_is_of_no_interest(engine: Engine) -> None:
    delivery = overtaken(engine)
    before = rows(engine, outbox_table)
    journal(engine).not_created(delivery)
    assert rows(engine, outbox_table) == before


@pytest.mark.parametrize("step", ["created", "progressed"])
def test_a_step_further_gives_lease_and_batch_their_whole_time_anew(
    engine: Engine, step: str
) -> None:
    delivery = claimed(engine)
    extended: list[str] = []
    entries = journal(engine, lambda: extended.append("batch"))
    entries.created(delivery, "run-7") if step == "created" else entries.progressed(delivery)
    assert rows(engine, outbox_table)[0].lease_expires_at == LATER + LEASE
    assert extended == ["batch"]


def test_a_step_further_with_a_lost_lease_extends_nothing(engine: Engine) -> None:
    delivery = overtaken(engine)
    before = rows(engine, outbox_table)
    extended: list[str] = []
    with pytest.raises(LeaseLostError):
        journal(engine, lambda: extended.append("batch")).progressed(delivery)
    assert (rows(engine, outbox_table), extended) == (before, [])


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        ([ErrorKind.REFUSED], "pending"),
        ([ErrorKind.REFUSED, ErrorKind.REFUSED], "dead"),
        ([ErrorKind.UNCERTAIN, ErrorKind.REFUSED], "pending"),
        ([ErrorKind.REFUSED, ErrorKind.UNCERTAIN, ErrorKind.REFUSED], "dead"),
        ([ErrorKind.REFUSED, ErrorKind.RELEASED, ErrorKind.RELEASED, ErrorKind.REFUSED], "dead"),
    ],
    ids=str,
)
def test_attempts_that_fail_in_another_kind_do_not_count_as_refusals(
    engine: Engine, kinds: list[ErrorKind], status: str
) -> None:
    save(engine, "mlflow")
    for number, kind in enumerate(kinds):
        (delivery,) = claim(engine, now=NOW + timedelta(days=number))
        most = 2 if kind == ErrorKind.REFUSED else None
        fail(
            engine, delivery, Retry(kind, "no", at_most=most, is_counted=kind != ErrorKind.RELEASED)
        )
    assert rows(engine, outbox_table)[0].status == status


def test_a_run_that_is_confirmed_while_the_provider_counts_as_offline_is_its_recovery(
    engine: Engine,
) -> None:
    """Another process has found the provider away meanwhile; that outage has an end in the log, too."""
    delivery = claimed(engine)
    with writing(engine) as connection:
        provider_state.note_offline(
            connection, "mlflow", "no route", after=timedelta(), chance=Random(1), now=NOW
        )
    with captured_logs() as logged:
        recorder(engine).record_delivered([(delivery, Delivered(RUN, "somewhere"))])
    assert [event["event"] for event in logged] == ["provider.recovered", "delivery.delivered"]
