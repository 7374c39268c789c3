"""What is too much for one statement goes in parts: none of it is left out, and none is done twice."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, event

from fairmind_sync.outbox import enqueuing, payload_locks, retry_discard, saving
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table, results_table
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import place_of, rows
from tests.support.deliveries import dead, save

pytestmark = pytest.mark.both_databases

PART = 2
MANY = 2 * PART + 1


def statements(engine: Engine, beginning: str) -> list[str]:
    """Those that begin so, from here on, as they are executed."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.replace(f"{place_of(engine)}.", "").startswith(beginning):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    return seen


def statuses(engine: Engine) -> list[str]:
    return [row.status for row in rows(engine, outbox_table)]


@pytest.mark.parametrize("part", [PART, MANY, MANY + 1])
@pytest.mark.parametrize("verb", ["retry", "discard"])
def test_what_an_operator_decides_reaches_each_delivery(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, verb: str, part: int
) -> None:
    monkeypatch.setattr(retry_discard, "_PART", part)
    ids = [dead(engine).id for _ in range(MANY)]
    updates = statements(engine, "UPDATE outbox")
    with writing(engine) as connection:
        if verb == "retry":
            count = retry_discard.retry(connection, ids, NOW)
        else:
            count = retry_discard.discard(connection, ids, "no use", NOW)
    becomes = "pending" if verb == "retry" else "discarded"
    assert (count, statuses(engine)) == (MANY, [becomes] * MANY)
    assert len(updates) == (3 if part == PART else 1)


@pytest.mark.parametrize("part", [PART, MANY, MANY + 1])
def test_each_result_is_enqueued(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(enqueuing, "MOST_IDS", part)
    ids = [save(engine).result_id for _ in range(MANY)]
    inserts = statements(engine, "INSERT INTO outbox")
    with writing(engine) as connection:
        enqueuing.enqueue(connection, ids, ["mlflow", "wandb"], NOW)
    found = [(row.result_id, row.provider) for row in rows(engine, outbox_table)]
    assert found == [(id_, provider) for id_ in ids for provider in ("mlflow", "wandb")]
    assert len(inserts) == (3 if part == PART else 1)


@pytest.mark.parametrize("part", [PART, MANY, MANY + 1])
def test_each_payload_is_kept(engine: Engine, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr(payload_locks, "MOST_IDS", part)
    ids = [dead(engine).id for _ in range(MANY)]
    with writing(engine) as connection:
        assert payload_locks.keep_payloads_of(connection, [*ids, MANY + 5]) == ids


@pytest.mark.parametrize("part", [PART, MANY, MANY + 1])
def test_each_result_is_saved_in_its_place(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(saving, "MOST_IDS", part)
    new = [new_result(test_id=f"t-{number}") for number in range(MANY)]
    with writing(engine) as connection:
        saved = saving.save_all(connection, new, ["mlflow"], NOW)
    found = {row.id: row.test_id for row in rows(engine, results_table)}
    assert [found[one.result_id] for one in saved] == [one.test_id for one in new]
    assert len(rows(engine, outbox_table)) == MANY


def test_results_of_one_test_in_several_parts_are_counted_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "MOST_IDS", 1)
    new = [
        new_result(test_id=test_id, results={"n": number})
        for number in range(2)
        for test_id in ("a", "b")
    ]
    with writing(engine) as connection:
        saved = saving.save_all(connection, new, (), NOW)
    assert [one.revision for one in saved] == [1, 1, 2, 2]
