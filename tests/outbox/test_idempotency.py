"""A key stands for its result for a day, to the microsecond."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import KeyReusedError
from fairmind_sync.outbox import deletion, idempotency
from fairmind_sync.outbox.saving import Saved
from fairmind_sync.results.delivery import NewResult
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import idempotency_table, outbox_table, results_table
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import rows

pytestmark = pytest.mark.both_databases

DAY = timedelta(days=1)


def save_once(engine: Engine, new: NewResult, *, key: str = "key", now: datetime = NOW) -> Saved:
    with writing(engine) as connection:
        return idempotency.save_once(connection, key, new, ["mlflow"], now)


@pytest.mark.parametrize(
    ("age", "kept"), [(DAY, ["key"]), (DAY + timedelta(microseconds=1), [])], ids=["a day", "older"]
)
def test_a_key_is_kept_for_a_day(engine: Engine, age: timedelta, kept: list[str]) -> None:
    save_once(engine, new_result())
    with writing(engine) as connection:
        idempotency.forget_keys(connection, NOW + age)
    assert [row.key for row in rows(engine, idempotency_table)] == kept


def test_a_key_stands_for_the_content_that_it_came_with(engine: Engine) -> None:
    new = new_result()
    saved = save_once(engine, new)
    assert [tuple(row) for row in rows(engine, idempotency_table)] == [
        ("key", new.digest, saved.result_id, NOW)
    ]


def test_a_request_that_is_repeated_finds_what_it_saved(engine: Engine) -> None:
    new = new_result()
    first, again = save_once(engine, new), save_once(engine, new)
    assert (first.is_new, again) == (True, Saved(first.result_id, first.revision, is_new=False))


def test_a_key_that_was_used_for_other_content_saves_nothing(engine: Engine) -> None:
    save_once(engine, new_result(results={"a": 1}))
    with pytest.raises(KeyReusedError):
        save_once(engine, new_result(results={"a": 2}))
    assert len(rows(engine, results_table)) == 1


def test_a_key_of_more_than_a_day_ago_is_free_before_it_is_tidied_away(engine: Engine) -> None:
    save_once(engine, new_result(test_id="one"))
    again = save_once(engine, new_result(test_id="other"), now=NOW + DAY + timedelta(seconds=1))
    assert (again.is_new, [row.result_id for row in rows(engine, idempotency_table)]) == (True, [2])


def test_another_key_is_another_request(engine: Engine) -> None:
    save_once(engine, new_result(test_id="t", results={"a": 1}))
    saved = save_once(engine, new_result(test_id="t", results={"a": 2}), key="another")
    assert (saved.revision, saved.is_new) == (2, True)


def test_a_repeated_request_brings_no_deleted_result_back(engine: Engine) -> None:
    new = new_result(test_id="t")
    first = save_once(engine, new)
    with writing(engine) as connection:
        deletion.delete(connection, "t", "user-1", NOW)
    again = save_once(engine, new)
    assert again == Saved(first.result_id, first.revision, is_new=False)
    assert [row.status for row in rows(engine, outbox_table)] == ["discarded"]


def test_saves_under_one_key_take_turns(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    monkeypatch.setattr(idempotency, "advisory_lock", lambda _connection, what: turns.append(what))
    with writing(engine) as connection:
        idempotency.save_once(connection, "k", new_result(), ["mlflow"], NOW)
    assert turns == ["key k"]
