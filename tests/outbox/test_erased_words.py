"""Which of a provider's words go with a payload, and which stay."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, select

from fairmind_sync.outbox import outcomes, pruning
from fairmind_sync.outbox.erased_words import erase_words
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import attempts_table, outbox_table, results_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import claimed, delivered


def fail(engine: Engine, kind: ErrorKind) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.record_dead(connection, delivery, kind, "its words", NOW)
        connection.execute(
            outbox_table.update()
            .where(outbox_table.c.id == delivery.id)
            .values(evidence_reason="more of its words")
        )


def words(engine: Engine) -> list[tuple[str | None, str | None, str | None]]:
    """Of each delivery: of its last error, of its evidence, and of its attempt."""
    attempts = {row.delivery_id: row.error for row in rows(engine, attempts_table)}
    return [
        (row.last_error, row.evidence_reason, attempts[row.id])
        for row in rows(engine, outbox_table)
    ]


def test_a_providers_words_go_and_an_operators_reason_stays(engine: Engine) -> None:
    for kind in (ErrorKind.REJECTED, ErrorKind.DISCARDED, ErrorKind.REJECTED):
        fail(engine, kind)
    with writing(engine) as connection:
        connection.execute(
            outbox_table.update().where(outbox_table.c.id == 1).values(last_error_kind=None)
        )
        erase_words(connection, select(results_table.c.id).where(results_table.c.id < 3))
    assert words(engine) == [
        (None, None, None),
        ("its words", None, None),
        ("its words", "more of its words", "its words"),
    ]


def test_words_without_a_kind_and_of_any_other_kind_go(engine: Engine) -> None:
    fail(engine, ErrorKind.REJECTED)
    with writing(engine) as connection:
        erase_words(connection, select(results_table.c.id))
    assert words(engine) == [(None, None, None)]
    assert rows(engine, outbox_table)[0].last_error_kind == "rejected"


def test_pruning_a_result_erases_the_words_about_that_one(engine: Engine) -> None:
    delivered(engine)
    delivered(engine)
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(evidence_reason="its words"))
        pruning.prune(connection, [1], timedelta(days=1), NOW + timedelta(days=60))
    assert [row.evidence_reason for row in rows(engine, outbox_table)] == [None, "its words"]
