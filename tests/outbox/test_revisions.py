"""Every revision of a test."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import deletion, delivery_lookup, outcomes, result_lookup
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.outbox.result_lookup import TrendPoint
from fairmind_sync.storage.engine import reading, writing
from tests.support.clock import NOW
from tests.support.deliveries import RUN, claim, save

pytestmark = pytest.mark.both_databases

HOUR = timedelta(hours=1)


def revisions(engine: Engine, user_id: str | None = None) -> list[tuple[int, int, Any]]:
    with reading(engine) as connection:
        return [
            (id_, number, record["results"])
            for id_, number, record in result_lookup.revisions(connection, "t", user_id)
        ]


def test_every_revision_of_a_test_is_given_newest_first(engine: Engine) -> None:
    for number in range(3):
        save(engine, test_id="t", results={"n": number})
    save(engine, test_id="another")
    assert revisions(engine) == [(3, 3, {"n": 2}), (2, 2, {"n": 1}), (1, 1, {"n": 0})]


def test_revisions_are_of_one_user_or_of_all(engine: Engine) -> None:
    for user_id in ("a", "b"):
        save(engine, test_id="t", user_id=user_id, results={"of": user_id})
    assert (revisions(engine), revisions(engine, "a")) == (
        [(2, 1, {"of": "b"}), (1, 1, {"of": "a"})],
        [(1, 1, {"of": "a"})],
    )


def test_a_deleted_revision_is_not_given(engine: Engine) -> None:
    for user_id in ("a", "b"):
        save(engine, test_id="t", user_id=user_id)
    with writing(engine) as connection:
        deletion.delete(connection, "t", "a", NOW)
    assert [id_ for id_, *_ in revisions(engine)] == [2]


def test_each_revision_names_its_own_run(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t", results={"n": 0})
    (delivery,) = claim(engine)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, RUN, "there", NOW)
    save(engine, "mlflow", test_id="t", results={"n": 1})
    with reading(engine) as connection:
        found = result_lookup.revisions(connection, "t")
    assert [record["metadata"].get("mlflow_run_id") for *_, record in found] == [None, RUN.id]


def test_deliveries_are_found_in_a_transaction_of_their_own_or_of_the_callers(
    engine: Engine,
) -> None:
    for _ in range(3):
        save(engine, "mlflow")
    found = delivery_lookup.find(engine, RunFilter(provider="mlflow"), 2)
    with reading(engine) as connection:
        assert delivery_lookup.deliveries(connection, RunFilter(), 2) == found
    assert [one.id for one in found] == [3, 2]
    assert len(delivery_lookup.find(engine, RunFilter())) == 3


def test_a_models_trend_holds_whose_results_they_are_when_and_what(engine: Engine) -> None:
    for number, at in enumerate((NOW, NOW - HOUR, NOW)):
        save(engine, test_id=f"t{number}", results={"n": number}, now=at)
    with reading(engine) as connection:
        found = result_lookup.trend(connection, "model-1", 10)
        newest = result_lookup.trend(connection, "model-1", 1)
    assert found == [
        TrendPoint("t1", "user-1", NOW - HOUR, {"n": 1}),
        TrendPoint("t0", "user-1", NOW, {"n": 0}),
        TrendPoint("t2", "user-1", NOW, {"n": 2}),
    ]
    assert newest == found[-1:]
