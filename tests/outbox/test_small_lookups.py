"""Short questions of other rooms: who died lately, what results sum up to, what a save has just owed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import (
    enqueuing,
    homecoming,
    outcomes,
    repairs,
    result_listing,
    result_lookup,
    retry_discard,
    saving,
    suggestions,
)
from fairmind_sync.outbox.dead_causes import died_since
from fairmind_sync.outbox.result_listing import ResultFilter
from fairmind_sync.outbox.suggestions import Suggestions
from fairmind_sync.results.delivery import Enqueued
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table, results_table
from fairmind_sync.testing import new_result
from tests.outbox.other_sites import FIRST, THERE, hand_over
from tests.outbox.test_homecoming import DEAD
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import claim, claimed, dead, delivered, save

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def test_what_died_since_then_is_counted_by_provider_and_kind(engine: Engine) -> None:
    dead(engine)
    dead(engine)
    delivered(engine)
    with reading(engine) as connection:
        (found,) = died_since(connection, NOW)
        assert (found.provider, found.error_kind, found.count) == ("mlflow", "rejected", 2)
        assert died_since(connection, NOW + SECOND) == []


def test_however_long_ago_the_last_attempt_began_it_counts(engine: Engine) -> None:
    save(engine, "mlflow", now=NOW - 5 * HOUR)
    (delivery,) = claim(engine, now=NOW - 5 * HOUR)
    with writing(engine) as connection:
        outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, "odd", NOW)
        assert len(died_since(connection, NOW)) == 1


def test_what_died_with_its_worker_counts(engine: Engine) -> None:
    claimed(engine)
    with writing(engine) as connection:
        repairs.bury_exhausted(connection, "mlflow", max_attempts=1, now=NOW + HOUR)
        (found,) = died_since(connection, NOW)
    assert (found.error_kind, found.count) == ("worker_died", 1)


def test_what_died_here_and_then_elsewhere_is_one_dead_delivery(engine: Engine) -> None:
    dead(engine)
    with writing(engine) as connection:
        retry_discard.retry(connection, [1], NOW)
        hand_over(engine, connection, THERE, FIRST)
    (row,) = rows(engine, outbox_table)
    told = replace(DEAD, key=row.delivery_key)
    with writing(engine) as connection:
        homecoming.hear(connection, THERE.fingerprint, "there", 1, [told], NOW)
        assert [one.count for one in died_since(connection, NOW)] == [1]


def test_what_is_retried_is_dead_no_longer(engine: Engine) -> None:
    dead(engine)
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(status="delivered", run_id="r"))
        assert died_since(connection, NOW) == []


def test_what_died_twice_is_one_dead_delivery(engine: Engine) -> None:
    dead(engine)
    with writing(engine) as connection:
        retry_discard.retry(connection, [1], NOW)
    (again,) = claim(engine)
    with writing(engine) as connection:
        outcomes.record_dead(connection, again, ErrorKind.REJECTED, "odd", NOW)
        assert [one.count for one in died_since(connection, NOW)] == [1]


def test_what_a_filter_lets_through_is_summed_up(engine: Engine) -> None:
    save(engine, results={"risk_level": "high", "metrics_failed": 3, "metrics_passed": 1})
    save(engine, results={"accuracy": 0.5}, test_type="llm_bias")
    with reading(engine) as connection:
        every = result_listing.summed_up(connection, ResultFilter())
        some = result_listing.summed_up(connection, ResultFilter(risk="high"))
    assert (every["total_tests"], every["by_type"]) == (2, {"ml_bias": 1, "llm_bias": 1})
    assert some == {
        "total_tests": 1,
        "by_risk": {"high": 1},
        "by_type": {"ml_bias": 1},
        "total_metrics_tested": 4,
        "metrics_passed": 1,
        "metrics_failed": 3,
        "pass_rate": 25.0,
    }


def test_a_run_that_was_deleted_is_news_once_and_its_delivery_stays(engine: Engine) -> None:
    key = delivered(engine).key
    delivered(engine)
    save(engine, "wandb")
    with writing(engine) as connection:
        news = [repairs.note_deleted(connection, "mlflow", key) for _ in range(2)]
        assert not repairs.note_deleted(connection, "wandb", key)
    first, second, third = rows(engine, outbox_table)
    assert (news, first.status, first.last_error_kind) == (
        [True, False],
        "delivered",
        "run_deleted",
    )
    assert first.last_error == "it was deleted there after its delivery"
    assert (second.last_error, third.last_error) == (None, None)


def test_what_a_save_owes_is_told_part_by_part(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enqueuing, "MOST_IDS", 2)
    for number in range(5):
        save(engine, test_id=f"t{number}")
    save(engine, "wandb", test_id="earlier", now=NOW - HOUR)
    with writing(engine) as connection:
        enqueuing.enqueue(connection, [1, 2, 3, 4, 5], ["mlflow"], NOW)
        owed = enqueuing.enqueued(connection, [1, 2, 3, 4, 5, 6], NOW)
    mine = [row for row in rows(engine, outbox_table) if row.provider == "mlflow"]
    assert [row.due_at for row in mine] == [NOW] * 5
    assert owed == [
        Enqueued(row.id, "mlflow", row.delivery_key, f"t{row.result_id - 1}") for row in mine
    ]


def test_a_save_that_owes_nobody_enqueues_nothing(engine: Engine) -> None:
    save(engine)
    with writing(engine) as connection:
        enqueuing.enqueue(connection, [1], iter(()), NOW)
    assert rows(engine, outbox_table) == []


def test_what_a_filter_suggests_is_in_alphabetical_order_and_of_the_newest(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggestions, "_NEWEST", 3)
    save(engine, user_id="old", results={"risk_level": "low"})
    for user, model in (("eve", "m2"), ("bob", "m1"), ("ann", "m3")):
        save(engine, user_id=user, model_id=model, results={"risk_level": "high"})
    with reading(engine) as connection:
        found = suggestions.suggestions(connection)
        monkeypatch.setattr(suggestions, "_MOST", 2)
        few = suggestions.suggestions(connection)
    assert found == Suggestions(["ann", "bob", "eve"], ["m1", "m2", "m3"], ["ml_bias"], ["high"])
    assert few.users == ["ann", "bob"]


def test_what_private_fields_were_kept_out_of_lately_is_counted(engine: Engine) -> None:
    with writing(engine) as connection:
        for removed in ('{"a": 9}', '{"a": 1, "b": 2}', None, '{"a": 3}'):
            saving.save(connection, replace(new_result(), removed=removed), (), NOW)
        assert result_lookup.lately_removed(connection, 3) == (3, {"a": 4, "b": 2})


def test_a_revision_of_another_site_keeps_its_number_where_that_is_free(engine: Engine) -> None:
    one, other = (new_result(test_id="t", results={"accuracy": n}) for n in (0.25, 0.5))
    with writing(engine) as connection:
        saved = [
            saving.save_revision(connection, new, number, NOW)
            for new, number in ((one, 4), (one, 5), (other, 4))
        ]
    assert [(each.revision, each.is_new) for each in saved] == [(4, True), (4, False), (5, True)]
    assert [row.created_at for row in rows(engine, results_table)] == [NOW, NOW]
    assert rows(engine, outbox_table) == []
