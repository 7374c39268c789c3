"""What an attempt leaves in the outbox that nobody made, or that came too late."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import outcomes, owed_evidence, retry_discard
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.evidence_states import WAITING, EvidenceState
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import attempts_table, outbox_table, results_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import LEASE, claim, claimed, dead, delivered

LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("is_counted", "attempts", "outcome"), [(True, 1, "retry"), (False, 0, "released")]
)
def test_an_attempt_that_does_not_count_is_released(
    engine: Engine, is_counted: bool, attempts: int, outcome: str
) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.record_retry(
            connection,
            delivery,
            ErrorKind.UNCERTAIN,
            "wait",
            due_at=LATER,
            now=NOW,
            is_counted=is_counted,
        )
    (row,), (attempt,) = rows(engine, outbox_table), rows(engine, attempts_table)
    assert (row.attempts, row.due_at, row.lease_token) == (attempts, LATER, None)
    assert (attempt.outcome, attempt.error, attempt.error_kind) == (outcome, "wait", "uncertain")


def test_where_a_run_is_made_is_durable_before_it_is(engine: Engine) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "there", NOW)
    (row,) = rows(engine, outbox_table)
    assert (row.destination, row.create_attempted_at) == ("there", NOW)


def test_evidence_of_a_run_that_is_delivered_anew_is_not_noted(engine: Engine) -> None:
    delivered(engine)
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(status="pending", finished_at=None))
        owed_evidence.note(connection, 1, EvidenceState(WAITING, "away"), LATER)
    assert rows(engine, outbox_table)[0].evidence_state is None


@pytest.mark.parametrize(("even", "count"), [(False, 1), (True, 2)])
def test_what_another_site_has_is_given_up_only_where_that_is_said(
    engine: Engine, even: bool, count: int
) -> None:
    dead(engine)
    dead(engine)
    with writing(engine) as connection:
        connection.execute(
            outbox_table.update()
            .where(outbox_table.c.id == 2)
            .values(status="handed_over", finished_at=None)
        )
        given_up = retry_discard.discard(connection, [1, 2], "no use", NOW, even_handed_over=even)
    assert given_up == count


def test_evidence_is_asked_for_of_delivered_runs_alone_and_anew(engine: Engine) -> None:
    delivered(engine)
    dead(engine)
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(evidence_reason="of then"))
        owed_evidence.ask_for(connection, [1, 2], LATER)
    found = [
        (row.evidence_state, row.evidence_reason, row.evidence_due_at)
        for row in rows(engine, outbox_table)
    ]
    assert found == [("waiting", None, LATER), (None, "of then", None)]


def test_evidence_of_an_erased_or_deleted_result_is_not_asked_for(engine: Engine) -> None:
    for _ in range(3):
        delivered(engine)
    with writing(engine) as connection:
        for number, column in ((1, "erased_at"), (2, "deleted_at")):
            connection.execute(
                results_table.update().where(results_table.c.id == number).values({column: NOW})
            )
        assert owed_evidence.without_state(connection, "mlflow", 0, 9) == [3]


@pytest.mark.parametrize("gone", ["erased_at", "deleted_at"])
def test_evidence_of_a_result_that_is_gone_is_not_taken(engine: Engine, gone: str) -> None:
    delivered(engine)
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(evidence_due_at=NOW))
        connection.execute(results_table.update().values({gone: NOW}))
        assert owed_evidence.take(connection, "mlflow", NOW) is None
    (row,) = rows(engine, outbox_table)
    assert (row.evidence_state, row.evidence_due_at) == ("refused", None)


def test_what_is_unclaimed_keeps_the_attempts_before(engine: Engine) -> None:
    claimed(engine, now=NOW - LEASE)
    (again,) = claim(engine)
    with writing(engine) as connection:
        outcomes.unclaim(connection, [again])
    assert [row.started_at for row in rows(engine, attempts_table)] == [NOW - LEASE]
