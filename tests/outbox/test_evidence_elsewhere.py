"""Evidence of runs that another site delivered: that site looks after it, and receipts tell how it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import deletion, hand_overs, owed_evidence
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table, results_table
from tests.outbox.test_homecoming import LATER, TOLD, handed_over, hear
from tests.support.databases import rows
from tests.support.deliveries import save

pytestmark = pytest.mark.mostly_sqlite

WAITING = replace(TOLD, evidence_state="waiting", evidence_reason="no store")
STORED = replace(TOLD, evidence_state="stored", evidence_reason=None)


def evidence(engine: Engine) -> list[tuple[str | None, str | None]]:
    return [(row.evidence_state, row.evidence_reason) for row in rows(engine, outbox_table)]


def test_newer_receipts_tell_how_the_evidence_stands(engine: Engine) -> None:
    key = handed_over(engine)
    hear(engine, replace(WAITING, key=key))
    assert hear(engine, replace(STORED, key=key), sequence=2) == {"unchanged": 1}
    assert evidence(engine) == [("stored", None)]


@pytest.mark.parametrize(
    ("sequence", "changes"),
    [(1, {}), (2, {"run_id": "run-2"}), (2, {"state": "pending"})],
    ids=["older", "of another run", "not delivered"],
)
def test_other_receipts_leave_it(engine: Engine, sequence: int, changes: dict[str, Any]) -> None:
    key = handed_over(engine)
    hear(engine, replace(WAITING, key=key))
    hear(engine, replace(STORED, key=key, **changes), sequence=sequence)
    assert evidence(engine) == [("waiting", "no store")]


def test_of_what_was_taken_back_receipts_leave_it(engine: Engine) -> None:
    key = handed_over(engine)
    with writing(engine) as connection:
        hand_overs.take_back(connection, "b" * 32, LATER)
    hear(engine, replace(WAITING, key=key))
    hear(engine, replace(STORED, key=key), sequence=2)
    assert evidence(engine) == [("waiting", "no store")]


def test_nobody_here_tries_it_again(engine: Engine) -> None:
    key = handed_over(engine)
    hear(engine, replace(WAITING, key=key))
    with writing(engine) as connection:
        assert owed_evidence.try_now(connection, ["mlflow"], LATER) == 0


def test_nobody_here_asks_for_it(engine: Engine) -> None:
    key = handed_over(engine)
    hear(engine, replace(TOLD, key=key, evidence_state=None, evidence_reason=None))
    with writing(engine) as connection:
        assert owed_evidence.without_state(connection, "mlflow", 0, 10) == []


def test_what_was_given_up_there_is_not_tried_here_when_its_result_is_saved_again(
    engine: Engine,
) -> None:
    gone = "the result is no longer in the database"
    key = handed_over(engine, test_id="t")
    hear(engine, replace(TOLD, key=key, evidence_reason=gone))
    with writing(engine) as connection:
        connection.execute(results_table.update().values(erased_at=LATER))
    save(engine, "mlflow", test_id="t")
    assert evidence(engine) == [("refused", gone)]


def test_of_a_deleted_result_no_words_are_recorded(engine: Engine) -> None:
    keys = [handed_over(engine, test_id=test_id) for test_id in ("t", "u")]
    hear(engine, replace(WAITING, key=keys[1]))
    with writing(engine) as connection:
        for test_id in ("t", "u"):
            deletion.delete(connection, test_id, "user-1", LATER)
    hear(engine, *(replace(TOLD, key=key) for key in keys), sequence=2)
    assert evidence(engine) == [("refused", None), ("refused", None)]
