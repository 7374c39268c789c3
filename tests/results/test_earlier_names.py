"""The first naming: each number by its path, as runs have it with FAIRMIND_SYNC_NAMES=1."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairmind_sync.results.extraction import Extract, extract
from fairmind_sync.results.keys import KeyPath
from fairmind_sync.results.plain_json import Json
from tests.support.values import LARGEST, for_all, numbers, objects, saved_result


def extracted(**changes: Any) -> Extract:
    return extract(saved_result(**changes), "a-project", 1)


def metrics_of(results: dict[str, Any]) -> dict[str, float]:
    """By joined path, as a person reads them."""
    return {"/".join(path): value for path, value in extracted(results=results).metrics.items()}


def leaves(value: Json, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The path of each number that stands alone, found in another way than the code under test."""
    todo: list[tuple[KeyPath, Json]] = [(path, value)]
    while todo:
        place, item = todo.pop()
        if type(item) in (int, float):
            yield place
        elif isinstance(item, dict):
            todo += [((*place, key), inner) for key, inner in item.items()]
        elif isinstance(item, list) and not all(type(inner) in (int, float) for inner in item):
            todo += [((*place, str(index)), inner) for index, inner in enumerate(item)]
        elif item and isinstance(item, list):
            for name in ("mean", "min", "max"):
                yield (*place, name)


def test_accuracy_stays_accuracy() -> None:
    assert metrics_of({"accuracy": 0.85}) == {"accuracy": 0.85}


def test_an_integer_is_a_metric() -> None:
    assert metrics_of({"n": 3}) == {"n": 3.0}


def test_every_metric_is_a_float() -> None:
    assert type(metrics_of({"n": 3})["n"]) is float


@pytest.mark.parametrize("flag", [True, False])
def test_a_boolean_is_not_a_number(flag: bool) -> None:
    assert metrics_of({"passed": flag}) == {}


@pytest.mark.parametrize("value", [None, "0.5", "", [], {}, [True, False], ["1"], [[]]])
def test_what_holds_no_number_is_no_metric(value: Json) -> None:
    assert metrics_of({"a": value}) == {}


def test_nan_is_a_metric() -> None:
    assert math.isnan(metrics_of({"odds": math.nan})["odds"])


def test_nested_numbers_are_named_by_their_path() -> None:
    results = {"groups": {"women": {"rate": 0.5}, "men": {"rate": 0.25}}}
    assert metrics_of(results) == {"groups/women/rate": 0.5, "groups/men/rate": 0.25}


def test_a_list_of_numbers_becomes_mean_minimum_and_maximum() -> None:
    assert metrics_of({"p": [1, 2.5, 4]}) == {"p/mean": 2.5, "p/min": 1.0, "p/max": 4.0}


def test_a_list_of_objects_is_named_by_index() -> None:
    assert metrics_of({"tests": [{"p": 0.5}, {"p": 0.25}]}) == {"tests/0/p": 0.5, "tests/1/p": 0.25}


def test_a_list_that_holds_a_boolean_is_no_list_of_numbers() -> None:
    assert metrics_of({"a": [True, 0.5]}) == {"a/1": 0.5}


def test_lists_of_lists_are_summed_up_one_by_one() -> None:
    assert metrics_of({"a": [[1, 3], ["text", {"b": 2}]]}) == {
        "a/0/mean": 2.0,
        "a/0/min": 1.0,
        "a/0/max": 3.0,
        "a/1/1/b": 2.0,
    }


@pytest.mark.parametrize("name", ["mean", "min", "max"])
def test_one_nan_in_a_list_makes_what_sums_it_up_nan(name: str) -> None:
    assert math.isnan(metrics_of({"a": [1.0, math.nan, 2.0]})[f"a/{name}"])


@pytest.mark.parametrize("value", [math.inf, -math.inf, 10**400, -(10**400)])
def test_an_infinite_number_is_no_metric(value: float) -> None:
    assert metrics_of({"a": value, "b": 1}) == {"b": 1.0}


def test_an_infinite_number_is_named_as_left_out() -> None:
    notes = extracted(results={"a": {"b": -math.inf}}).notes
    assert notes == ("metric a/b: -inf can't be held",)


def test_nothing_is_skipped_where_all_is_finite_or_nan() -> None:
    assert extracted(results={"a": 1, "b": math.nan, "c": "inf"}).notes == ()


def test_of_a_list_with_an_infinite_number_the_finite_aggregates_stay() -> None:
    assert metrics_of({"a": [1.0, math.inf]}) == {"a/min": 1.0}


def test_the_mean_of_the_largest_numbers_is_finite() -> None:
    assert metrics_of({"a": [LARGEST, LARGEST]})["a/mean"] == LARGEST


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
@example([LARGEST] * 3)
@example([-LARGEST] * 3)
@example([5e-324] * 3)
@for_all
def test_the_mean_of_finite_numbers_lies_between_them(values: list[float]) -> None:
    found = metrics_of({"a": values})
    assert found["a/min"] <= found["a/mean"] <= found["a/max"]


@pytest.mark.parametrize("number", [0.1, 0.7], ids=["rounded up", "rounded down"])
def test_the_mean_of_equal_numbers_is_that_number(number: float) -> None:
    assert math.fsum([number] * 3) / 3 != number  # each needs the clamp
    assert metrics_of({"a": [number] * 3})["a/mean"] == number


@given(objects)
@for_all
def test_every_number_is_a_metric_or_named_as_left_out(results: dict[str, Json]) -> None:
    found = extracted(results=results)
    assert len(found.metrics) + len(found.notes) == len(list(leaves(results)))


@given(objects)
@for_all
def test_metrics_are_found_at_the_paths_of_numbers_only(results: dict[str, Json]) -> None:
    assert set(extracted(results=results).metrics) <= set(leaves(results))


@given(objects)
@for_all
def test_no_metric_is_infinite(results: dict[str, Json]) -> None:
    assert not any(map(math.isinf, extracted(results=results).metrics.values()))


@given(st.lists(numbers, min_size=1, max_size=4))
@for_all
def test_a_list_of_numbers_has_three_aggregates_whatever_they_are(values: list[Json]) -> None:
    found = extracted(results={"a": values})
    assert len(found.metrics) + len(found.notes) == 3


def test_the_run_is_named_by_test_type_and_test_id() -> None:
    assert extracted(test_type="llm", test_id="t-9").run_name == "llm_t-9"


@pytest.mark.parametrize(
    ("results", "summary"),
    [
        ({"overall_bias_detected": False}, {"overall_bias_detected": False}),
        ({"risk_level": "high", "overall_risk": "low"}, {"risk_level": "high"}),
        ({"summary": {"passed": 3}}, {"summary": {"passed": 3}}),
        ({"metrics_failed": 1, "severity": "high", "a": math.inf}, {}),
    ],
)
def test_the_summary_holds_what_the_results_state_at_their_top(
    results: dict[str, Json], summary: dict[str, Json]
) -> None:
    assert extracted(results=results).summary == summary
