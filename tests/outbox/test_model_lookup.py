"""Models in short: which there are, in which order, and how their newest results went."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import deletion, model_lookup
from fairmind_sync.outbox.model_lookup import ModelInShort
from fairmind_sync.storage.engine import reading, writing
from tests.support.clock import NOW
from tests.support.deliveries import save

pytestmark = pytest.mark.both_databases
DAY = timedelta(days=1)


def listed(engine: Engine, **wanted: Any) -> list[ModelInShort]:
    with reading(engine) as connection:
        return model_lookup.models(connection, **({"limit": 50} | wanted))


def test_models_come_in_the_order_in_which_they_were_last_tested(engine: Engine) -> None:
    for day, name in enumerate(("b", "a", "c", "a")):
        save(engine, model_id=name, now=NOW + day * DAY)
    save(engine, model_id="b", now=NOW - DAY)  # imported: older than it seems
    assert [one.model_id for one in listed(engine)] == ["a", "c", "b"]
    assert [one.model_id for one in listed(engine, limit=1, offset=1)] == ["c"]


def test_a_search_finds_parts_of_names_in_capitals_or_not(engine: Engine) -> None:
    for name in ("Credit-Score", "chat"):
        save(engine, model_id=name)
    assert [one.model_id for one in listed(engine, search="SCORE")] == ["Credit-Score"]


def test_a_models_history_ends_with_its_newest_result(engine: Engine) -> None:
    for number in range(3):
        save(engine, model_id="m", test_id=f"t{number}", now=NOW + number * DAY)
    (model,) = listed(engine, length=2)
    assert [one.test_id for one in model.history] == ["t1", "t2"]
    assert model.newest.at == NOW + 2 * DAY


@pytest.mark.parametrize(
    ("results", "risk", "has_passed"),
    [
        ({"risk_level": "critical"}, "critical", None),
        ({"overall_risk": "LOW", "metrics_passed": 3}, "low", True),
        ({"metrics_passed": 3, "metrics_failed": 1}, None, False),
        ({"bias_detected": True}, None, False),
        ({"bias_detected": False}, None, True),
        ({"accuracy": 0.5}, None, None),
    ],
)
def test_a_verdict_is_the_one_that_the_result_had_when_it_was_saved(
    engine: Engine, results: dict[str, Any], risk: str | None, has_passed: bool | None
) -> None:
    save(engine, results=results)
    (model,) = listed(engine)
    verdict = model.newest.verdict
    assert (verdict.overall_risk, verdict.has_passed) == (risk, has_passed)
    counted = (verdict.metrics_passed, verdict.metrics_failed)
    assert counted == (results.get("metrics_passed", 0), results.get("metrics_failed", 0))


def test_a_deleted_result_is_no_part_of_a_model(engine: Engine) -> None:
    save(engine, test_id="t", user_id="ann", model_id="gone")
    save(engine, model_id="there")
    with writing(engine) as connection:
        deletion.delete(connection, "t", "ann", NOW)
    assert [one.model_id for one in listed(engine)] == ["there"]


def test_results_without_a_model_are_no_model(engine: Engine) -> None:
    save(engine, model_id="")
    assert listed(engine) == []
    with reading(engine) as connection:
        assert len(model_lookup.newest_results(connection, 5)) == 1


def test_the_newest_results_at_risk_are_told_in_their_order(engine: Engine) -> None:
    risks = ("high", "low", "critical", "high", "high")
    for number, risk in enumerate(risks):
        results = {"risk_level": risk}
        save(engine, test_id=f"t{number}", results=results, now=NOW + number * DAY)
    with writing(engine) as connection:
        deletion.delete(connection, "t4", "user-1", NOW)
        levels = ["high", "critical"]
        told = [model_lookup.at_risk(connection, levels, NOW + day * DAY) for day in (0, 2)]
        few = model_lookup.at_risk(connection, levels, NOW, most=1)
    assert [[one.test_id for one in each] for each in told] == [["t0", "t2", "t3"], ["t2", "t3"]]
    assert [one.test_id for one in few] == ["t2", "t3"]
