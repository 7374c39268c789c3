"""Shapes in which toolkits and FairMind write the numbers of groups: which rows each of them gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition.rows import Row
from fairmind_sync.results.recognition.shapes import rows_in
from tests.results.examples import NAMES, example
from tests.support.values import for_all, objects

RATES: dict[str, Json] = {"female": 0.3, "male": 0.5}
OF_METRIC = {(None, "female", "selection_rate", 0.3), (None, "male", "selection_rate", 0.5)}
OF_SEX = {("sex", "female", "selection_rate", 0.3), ("sex", "male", "selection_rate", 0.5)}
BY_GROUP: dict[str, Json] = {"female": {"selection_rate": 0.3}, "male": {"selection_rate": 0.5}}


def cells(
    results: dict[str, Json], metadata: dict[str, Json] | None = None
) -> set[tuple[Any, ...]]:
    """Attribute, group, metric and value of each row."""
    rows = rows_in(results, metadata or {})
    return {(row.attribute, row.group, row.metric, row.value) for row in rows}


def row(results: dict[str, Json], metric: str, group: str | None = None) -> Row:
    (found,) = [one for one in rows_in(results, {}) if (one.metric, one.group) == (metric, group)]
    return found


@pytest.mark.parametrize(
    "results",
    [
        {"selection_rate": RATES},
        {"metrics": {"selection_rate": RATES}},
        {"selection_rates": RATES},
        {"selection_rate_by_group": RATES},
        {"selection_rate": {"group_scores": RATES, "score": 0.6}},
        {"by_group": BY_GROUP},
        {"by_group": {"selection_rate": RATES}},
        {"group_metrics": BY_GROUP},
        BY_GROUP,
        {"anything": BY_GROUP},
        {
            "table": [
                {"group": "female", "selection_rate": 0.3},
                {"group": "male", "selection_rate": 0.5},
            ]
        },
        {
            "long": [
                {"group": "female", "metric": "selection_rate", "value": 0.3},
                {"group": "male", "metric": "selection_rate", "value": 0.5},
            ]
        },
        {"frame": {"group": ["female", "male"], "selection_rate": [0.3, 0.5]}},
        {"frame": {"group": {"0": "female", "1": "male"}, "selection_rate": {"0": 0.3, "1": 0.5}}},
        {
            "frame": {
                "columns": ["selection_rate"],
                "index": ["female", "male"],
                "data": [[0.3], [0.5]],
            }
        },
    ],
    ids=str,
)
def test_groups_without_an_attribute_are_recognised(results: dict[str, Json]) -> None:
    assert {one for one in cells(results) if one[1] is not None} == OF_METRIC


@pytest.mark.parametrize(
    "results",
    [
        {"sex": BY_GROUP},
        {"by_sex": BY_GROUP},
        {"fairness_metrics": {"sex": BY_GROUP}},
        {"selection_rate": {"sex": RATES}},
        {"selection_rate": {"by_sex": RATES}},
        {"sex": {"selection_rate": RATES}},
        {"statistical_bias": {"sex": {"selection_rates": RATES, "difference": 0.2}}},
        {
            "table": [
                {"sex": "female", "selection_rate": 0.3},
                {"sex": "male", "selection_rate": 0.5},
            ]
        },
        {
            "table": [
                {"attribute": "sex", "group": "female", "metric": "selection_rate", "value": 0.3},
                {"attribute": "sex", "group": "male", "metric": "selection_rate", "value": 0.5},
            ]
        },
    ],
    ids=str,
)
def test_groups_of_an_attribute_are_recognised(results: dict[str, Json]) -> None:
    assert {one for one in cells(results) if one[1] is not None} == OF_SEX


def test_an_attribute_that_only_the_metadata_name_is_one() -> None:
    results: dict[str, Json] = {"department": {"a": {"tpr": 0.5}, "b": {"tpr": 0.7}}}
    metadata: dict[str, Json] = {"protected_attributes": ["department"]}
    assert cells(results, metadata) == {
        ("department", "a", "tpr", 0.5),
        ("department", "b", "tpr", 0.7),
    }


def test_groups_beside_numbers_of_the_whole_are_told_apart() -> None:
    results: dict[str, Json] = {"sex": {**BY_GROUP, "demographic_parity_difference": 0.2}}
    assert cells(results) == OF_SEX


def test_a_metric_frames_features_are_the_attribute_of_its_groups_alone() -> None:
    frame: dict[str, Json] = {
        "overall": {"selection_rate": {"young": 0.4, "old": 0.4}},
        "by_group": {"selection_rate": RATES, "count": {"female": 3.0, "male": 5.0}},
        "sensitive_features": ["sex"],
    }
    of_sex = {("sex", "female", "count", 3.0), ("sex", "male", "count", 5.0)}
    assert {one for one in cells({"frame": frame}) if one[0]} == of_sex | OF_SEX


def test_an_intersection_has_both_attributes() -> None:
    table: Json = [
        {"sex": "female", "race": "Black", "tpr": 0.5},
        {"sex": "female", "race": "White", "tpr": 0.7},
    ]
    assert cells({"table": table}) == {
        ("sex, race", "female, Black", "tpr", 0.5),
        ("sex, race", "female, White", "tpr", 0.7),
    }


@pytest.mark.parametrize("name", ['race == "Black"', "race=Black", "race: Black"])
def test_a_groups_name_tells_its_attribute(name: str) -> None:
    assert (
        row({"by_group": {name: {"tpr": 0.5}, "others": {"tpr": 0.7}}}, "tpr", name).attribute
        == "race"
    )


@pytest.mark.parametrize(
    "results",
    [
        {"toxicity": {"mean": 0.02, "p95": 0.11}},
        {"bias_scores": {"gender_bias": 0.2, "race_bias": 0.1}},
        {"score": {"sex": 0.2, "race": 0.3}},
        {
            "report": {
                "0": {"precision": 0.5},
                "1": {"precision": 0.7},
                "macro avg": {"precision": 0.6},
            }
        },
        {"feature_importance": {"age": 0.2, "zip": 0.1}},
        {"threshold_adjustments": {"female": 0.4, "male": 0.6}},
        {"cases": [{"group": "female", "score": 0.1}, {"group": "female", "score": 0.2}]},
        {"models": {"forest": {"accuracy_text": "x"}, "tree": {"depth": 3}}},
        {"demographic_parity": {"p_value": 0.1, "statistic": 3.0}},
        {"groups": {"a": 1, "b": 2}},
        {"a": 1, "b": [1, 2], "c": "text", "d": None},
    ],
    ids=str,
)
def test_what_is_no_group_has_no_row(results: dict[str, Json]) -> None:
    assert cells(results) == set()


@pytest.mark.parametrize("word", ["count", "n", "sample_size", "support"])
def test_the_count_of_a_group_is_in_its_rows(word: str) -> None:
    found = row({"by_group": {"a": {"tpr": 0.5, word: 12}, "b": {"tpr": 0.7, word: 9}}}, "tpr", "a")
    assert found.count == 12


def test_a_metric_that_is_judged_has_a_row_of_its_own() -> None:
    results: dict[str, Json] = {
        "metrics": {
            "parity": {"value": 0.1, "threshold": 0.05, "is_fair": False, "ci": [0.08, 0.12]}
        }
    }
    found = row(results, "parity")
    assert (found.value, found.threshold, found.passed) == (0.1, 0.05, False)
    assert (found.lower, found.upper, found.path) == (0.08, 0.12, ("metrics", "parity", "value"))


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        ({"passed": True}, True),
        ({"is_fair": False}, False),
        ({"is_biased": True}, False),
        ({"detected": False}, True),
        ({"status": "FAILED"}, False),
        ({"status": "passed"}, True),
        ({"status": "pending", "threshold": 1}, None),
    ],
)
def test_passed_is_what_the_result_says(said: dict[str, Json], passed: bool | None) -> None:
    assert row({"gap": {"value": 0.1, **said}}, "gap").passed is passed


@pytest.mark.parametrize(
    ("results", "metadata"),
    [
        ({"threshold": 0.8, "selection_rate": RATES}, {}),
        ({"selection_rate": RATES}, {"fairness_threshold": 0.8}),
        ({"thresholds": {"selection_rate": 0.8}, "selection_rate": RATES}, {}),
        ({"thresholds": [{"metric": "selection_rate", "value": 0.8}], "selection_rate": RATES}, {}),
    ],
)
def test_a_threshold_is_found_where_it_stands(
    results: dict[str, Json], metadata: dict[str, Json]
) -> None:
    assert {one.threshold for one in rows_in(results, metadata)} == {0.8}


@pytest.mark.parametrize(
    "interval", [{"tpr_ci": [0.4, 0.6]}, {"tpr_confidence_interval": {"lower": 0.4, "upper": 0.6}}]
)
def test_an_interval_beside_a_number_is_the_numbers(interval: dict[str, Json]) -> None:
    found = row({"by_group": {"a": {"tpr": 0.5, **interval}, "b": {"tpr": 0.7}}}, "tpr", "a")
    assert (found.lower, found.upper) == (0.4, 0.6)


def test_an_entry_that_names_a_metric_has_a_row_without_a_group() -> None:
    results: dict[str, Json] = {
        "tests": [
            {"test_name": "WEAT", "bias_score": 0.2, "is_biased": True, "category": "intrinsic"}
        ]
    }
    found = row(results, "WEAT")
    assert (found.value, found.passed, found.path) == (0.2, False, ("tests", "0", "bias_score"))


@pytest.mark.parametrize("name", NAMES)
def test_each_row_of_an_example_leads_to_its_number(name: str) -> None:
    for one in rows_in(example(name), {}):
        value: Any = example(name)
        for key in one.path:
            value = value[int(key)] if isinstance(value, list) else value[key]
        assert value == one.value


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("ml_bias_1", 20),
        ("llm_bias_1", 7),
        ("india_bias_1", 20),
        ("multimodal_1", 17),
        ("real_bias_1", 8),
    ],
)
def test_fairminds_results_have_rows(name: str, count: int) -> None:
    assert len(rows_in(example(name), {})) >= count


@given(objects)
@for_all
def test_anything_can_be_looked_through(results: dict[str, Json]) -> None:
    paths = [one.path for one in rows_in(results, results)]
    assert len({*paths}) == len(paths)
