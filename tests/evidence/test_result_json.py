"""The evidence's result.json: the whole result, readable by whatever reads JSON."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given

from fairmind_sync.evidence.result_json import result_json
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.verdict import verdict_of
from fairmind_sync.testing import new_result
from tests.support.values import for_all, objects, saved_result


def written(**changes: Any) -> dict[str, Any]:
    result = saved_result(**changes)
    text = result_json(result, verdict_of(result.results))
    found: dict[str, Any] = json.loads(text, parse_constant=_refuse)
    return found


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_it_holds_the_result_as_saved() -> None:
    results: dict[str, Json] = {"a": {"b": [1, 0.5, "x", None, True]}}
    found = written(results=results, metadata={"m": "é"})
    assert (found["results"], found["metadata"]) == (results, {"m": "é"})


def test_it_identifies_the_result() -> None:
    found = written(user_id="", dataset_id="")
    assert {
        key: found[key] for key in ("test_id", "user_id", "model_id", "dataset_id", "revision")
    } == {
        "test_id": "test-1",
        "user_id": None,
        "model_id": "model-1",
        "dataset_id": None,
        "revision": 1,
    }
    assert found["saved_at"] == "2026-01-02T03:04:05.678000+00:00"


def test_its_digest_is_the_databases() -> None:
    new = new_result(results={"b": 0.5, "a": [1]}, metadata={"m": 1})
    found = written(
        test_id=new.test_id,
        user_id=new.user_id,
        model_id=new.model_id,
        dataset_id=new.dataset_id,
        test_type=new.test_type,
        results=json.loads(new.results),
        metadata=json.loads(new.metadata),
    )
    assert found["digest"] == new.digest


def test_it_states_the_verdict() -> None:
    verdict = written(results={"risk_level": "high", "metrics_passed": 2, "metrics_failed": 1})[
        "verdict"
    ]
    assert verdict == {
        "passed": False,
        "risk": "high",
        "bias_detected": None,
        "metrics_passed": 2,
        "metrics_failed": 1,
    }


def test_what_is_no_json_stays_readable_and_is_listed() -> None:
    found = written(results={"a": math.nan, "b": [math.inf, 1.0]}, metadata={"c": -math.inf})
    assert (found["results"], found["metadata"]) == (
        {"a": "NaN", "b": ["Infinity", 1.0]},
        {"c": "-Infinity"},
    )
    assert found["not_finite"] == ["results/a", "results/b/0", "metadata/c"]


def test_it_has_the_originals_of_names_that_are_spelled_out() -> None:
    names = written(results={"rate": {"<=50K": 0.1, ">50K": 0.3}})["names"]
    assert names == {"lte_50K": "<=50K", "gt_50K": ">50K"}


@given(objects)
@for_all
def test_anything_that_can_be_saved_is_strict_json(results: dict[str, Json]) -> None:
    assert written(results=results, metadata=results)["revision"] == 1
