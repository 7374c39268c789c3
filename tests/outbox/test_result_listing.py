"""Lists, counts and exports of saved results."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, update

from fairmind_sync.outbox import deletion, result_listing
from fairmind_sync.outbox.result_listing import (
    ResultFilter,
    exported,
    how_many,
    listed,
    newest_id,
)
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import results_table
from tests.support.clock import NOW
from tests.support.deliveries import delivered, save

pytestmark = pytest.mark.both_databases
DAY = timedelta(days=1)
FAILED = {"risk_level": "high", "metrics_failed": 1}


@pytest.fixture
def results(engine: Engine) -> Engine:
    """Three tests, one of them with two revisions."""
    save(engine, test_id="one", user_id="ann", model_id="credit", results=FAILED)
    save(
        engine,
        test_id="two",
        now=NOW + DAY,
        test_type="llm_bias",
        dataset_id="other",
        results={"passed": True},
    )
    save(engine, test_id="three", now=NOW + 2 * DAY)
    save(engine, test_id="three", now=NOW + 3 * DAY, results={"accuracy": 0.5})
    return engine


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ResultFilter(), ["three", "two", "one"]),
        (ResultFilter(user_id="ann"), ["one"]),
        (ResultFilter(model_id="credit"), ["one"]),
        (ResultFilter(dataset_id="other"), ["two"]),
        (ResultFilter(test_type="llm_bias"), ["two"]),
        (ResultFilter(risk="high"), ["one"]),
        (ResultFilter(since=NOW + DAY), ["three", "two"]),
        (ResultFilter(until=NOW + DAY), ["one"]),
        (ResultFilter(user_id="ann", risk="low"), []),
    ],
    ids=repr,
)
def test_a_filter_lets_results_through(
    results: Engine, wanted: ResultFilter, expected: list[str]
) -> None:
    with reading(results) as connection:
        found = [one.test_id for one in listed(connection, wanted, 10)]
        assert (found, how_many(connection, wanted, 10)) == (expected, len(expected))
    assert [one.listed.test_id for one in exported(results, wanted)] == expected[::-1]


def test_a_list_and_a_count_end_at_their_limits(results: Engine) -> None:
    with reading(results) as connection:
        found = listed(connection, ResultFilter(), 2)
        assert ([one.test_id for one in found], how_many(connection, ResultFilter(), 2)) == (
            ["three", "two"],
            2,
        )


def test_a_result_is_listed_with_its_verdict(results: Engine) -> None:
    with reading(results) as connection:
        verdicts = {one.test_id: one.verdict for one in listed(connection, ResultFilter(), 10)}
    assert verdicts == {"one": "failed", "two": "passed", "three": None}


def test_what_was_kept_of_an_erased_payload_is_its_verdict(results: Engine) -> None:
    erased = update(results_table).values(results="{}", metadata="{}", erased_at=NOW)
    with writing(results) as connection:
        connection.execute(erased.where(results_table.c.test_id == "one"))
    with reading(results) as connection:
        (one,) = listed(connection, ResultFilter(user_id="ann"), 10)
    assert (one.risk, one.verdict) == ("high", "failed")


def test_private_fields_that_were_left_out_are_counted(results: Engine) -> None:
    removed = update(results_table).values(removed='{"email": 3, "**.name": 1}')
    with writing(results) as connection:
        connection.execute(removed)
    with reading(results) as connection:
        assert listed(connection, ResultFilter(), 1)[0].removed == 4


def test_a_deleted_result_is_in_no_list(results: Engine) -> None:
    with writing(results) as connection:
        deletion.delete(connection, "one", "ann", NOW)
    assert [one.listed.test_id for one in exported(results, ResultFilter())] == ["two", "three"]


def test_an_export_holds_the_whole_record_with_its_run(engine: Engine) -> None:
    delivered(engine)
    (one,) = exported(engine, ResultFilter())
    assert (one.record["metadata"]["mlflow_run_id"], one.record["id"]) == (
        "run-1",
        one.listed.test_id,
    )


def test_an_export_reads_page_by_page(results: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_listing, "_PAGE", 1)
    asked: list[str] = []
    event.listen(results, "before_cursor_execute", lambda *given: asked.append(given[2]))
    export = exported(results, ResultFilter())
    next(export)
    del asked[:]
    assert len([*export]) == 2
    assert len([one for one in asked if "LIMIT" in one]) == 3


def test_what_is_saved_during_an_export_is_left_out_and_its_test_is_not_lost(
    results: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_listing, "_PAGE", 1)
    export = exported(results, ResultFilter())
    next(export)
    save(results, test_id="two", results={"passed": False})
    save(results, test_id="four")
    assert [(one.listed.test_id, one.listed.verdict) for one in export] == [
        ("two", "passed"),
        ("three", None),
    ]


def test_users_whose_tests_are_called_alike_have_a_newest_result_each(engine: Engine) -> None:
    for user, number in (("ann", 1), ("bob", 1), ("bob", 2)):
        save(engine, test_id="same", user_id=user, results={"accuracy": number / 4})
    with reading(engine) as connection:
        found = listed(connection, ResultFilter(), 9)
    assert [(one.user_id, one.revision) for one in found] == [("bob", 2), ("ann", 1)]


def test_an_export_can_be_read_twice_alike(results: Engine) -> None:
    before = newest_id(results)
    save(results, test_id="two", results={"passed": False})
    again = [one.listed.verdict for one in exported(results, ResultFilter(), before)]
    assert again == ["failed", "passed", None]
