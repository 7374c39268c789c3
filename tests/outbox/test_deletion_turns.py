"""Deletions that are finished at the same time, and what finishing leaves alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from fairmind_sync.outbox import deletion, outcomes, pruning
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table, results_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import LEASE, RUN, claim, save

pytestmark = pytest.mark.both_databases


@pytest.fixture
def steps(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The locks that are waited for, and the statements, in their order."""
    seen: list[str] = []

    def lock(_connection: Connection, what: str) -> None:
        seen.append(f"lock {what}")

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement.split(maxsplit=1)[0].lower())

    save(engine, "mlflow", test_id="t")
    claim(engine)
    with writing(engine) as connection:
        deletion.delete(connection, "t", "user-1", NOW)
    monkeypatch.setattr(deletion, "advisory_lock", lock)
    event.listen(engine, "before_cursor_execute", note)
    return seen


def test_deletions_are_finished_one_after_the_other(engine: Engine, steps: list[str]) -> None:
    """Two that read the same unfinished deliveries first would wait for each other's rows."""
    with writing(engine) as connection:
        deletion.finish(connection, NOW + LEASE)
    locked = steps.index("lock deletion")
    assert "update" not in steps[:locked]
    assert [step for step in steps[locked + 1 :] if step in ("select", "update")] == [
        *["select"] * 2,
        *["update"] * 6,
    ]


def test_where_nothing_was_deleted_nobody_waits(engine: Engine, steps: list[str]) -> None:
    with writing(engine) as connection:
        deletion.finish(connection, NOW + LEASE)
    steps.clear()
    with writing(engine) as connection:
        deletion.finish(connection, NOW + LEASE)
    assert "lock deletion" not in steps


def test_a_deletion_is_of_one_user_and_one_test(engine: Engine) -> None:
    for test_id, user_id in (("t", "a"), ("t", "b"), ("u", "a")):
        save(engine, "mlflow", test_id=test_id, user_id=user_id)
    with writing(engine) as connection:
        assert deletion.delete(connection, "t", "a", NOW) == 1
    deleted = [row.deleted_at for row in rows(engine, results_table)]
    statuses = [row.status for row in rows(engine, outbox_table)]
    assert (deleted, statuses) == ([NOW, None, None], ["discarded", "pending", "pending"])


def test_a_test_is_deleted_once(engine: Engine) -> None:
    save(engine, test_id="t")
    with writing(engine) as connection:
        found = [deletion.delete(connection, "t", "user-1", NOW) for _ in range(2)]
    assert found == [1, 0]


def test_a_result_that_a_retention_has_erased_loses_its_verdict_when_it_is_deleted(
    engine: Engine,
) -> None:
    save(engine, "mlflow", test_id="t", results={"risk_level": "high", "metrics_failed": 2})
    (delivery,) = claim(engine)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW)
    pruning.prune_all(engine, timedelta(days=1), NOW + timedelta(days=3))
    (before,) = rows(engine, results_table)
    with writing(engine) as connection:
        deletion.delete(connection, "t", "user-1", NOW)
    (after,) = rows(engine, results_table)
    told = [(row.overall_risk, row.metrics_failed) for row in (before, after)]
    assert told == [("high", 2), (None, 0)]
