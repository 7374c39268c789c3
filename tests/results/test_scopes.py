"""What stands around numbers and is told of them: metric, attribute, threshold, reference group."""

from __future__ import annotations

import pytest

from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition.shapes import rows_in

GROUPS: dict[str, Json] = {"a": 0.3, "b": 0.5}


def around(
    results: dict[str, Json], metadata: dict[str, Json] | None = None
) -> set[tuple[str, str | None]]:
    """Metric and attribute of each row of a group."""
    rows = rows_in(results, metadata or {})
    return {(row.metric, row.attribute) for row in rows if row.group is not None}


@pytest.mark.parametrize(
    ("results", "found"),
    [
        ({"group_scores": GROUPS}, ("score", None)),
        ({"my_measure": {"group_scores": GROUPS}}, ("my_measure", None)),
        ({"outer": {"my_measure": {"group_scores": GROUPS}}}, ("my_measure", None)),
        ({"tpr": {"my_part": {"group_scores": GROUPS}}}, ("tpr", None)),
        ({"sex": {"group_scores": GROUPS}}, ("score", "sex")),
        ({"tpr": {"sex": {"group_scores": GROUPS}}}, ("tpr", "sex")),
        ({"tpr": {"sex": GROUPS}}, ("tpr", "sex")),
        ({"by_sex": {"tpr": GROUPS}}, ("tpr", "sex")),
        ({"tpr": {"groups": GROUPS}}, ("tpr", None)),
        ({"models": [{"group_scores": GROUPS}]}, ("score", None)),
        ({"models": [{"name": "forest", "group_scores": GROUPS}]}, ("score", None)),
        ({"tests": [{"name": "tpr", "group_scores": GROUPS}]}, ("tpr", None)),
        ({"by_group": {"count": GROUPS}}, ("count", None)),
        ({"x": {"by_group": {"n": GROUPS}}}, ("count", None)),
    ],
    ids=str,
)
def test_numbers_of_groups_belong_to_what_is_around_them(
    results: dict[str, Json], found: tuple[str, str | None]
) -> None:
    assert around(results) == {found}


@pytest.mark.parametrize(
    "results",
    [
        {"n": GROUPS},
        {"x": {"n": GROUPS}},
        {"by_group": GROUPS},
        {"tpr": {"a": 0.5}},
        {"tpr": {"sex": {"race": GROUPS}}},
        {"tpr": {"a": 0.3, "b": 0.5, "macro_test": 0.1}},
        {"tpr": {"a": 0.3, "status": 0.5}},
        {"tpr": {"sex": 0.3, "b": 0.5}},
        {"tpr_by_group": {"a": 0.3, "mean": 0.5}},
        {"thresholds": {"by_group": {"a": {"tpr": 0.3}, "b": {"tpr": 0.5}}}},
        {"by_group": {"a": {"threshold": 0.5, "tpr": "high"}}},
        {"anything": {"a": {"tpr": 0.3}}},
        {"anything": {"a": {"tpr": 0.3}, "b": {"fpr": 0.5}}},
        {"anything": {"a": {"tpr": 0.3}, "b": {"tpr": "high"}}},
        {"anything": {"a": {"tpr": 0.3}, "b": {"tpr": 0.4}, "a_test": {"tpr": 0.5}}},
        {"anything": {"a": {"tpr": 0.3}, "b": {"tpr": 0.4}, "macro avg": {"tpr": 0.5}}},
    ],
    ids=str,
)
def test_where_nothing_around_tells_the_metric_there_is_no_row(results: dict[str, Json]) -> None:
    assert around(results) == set()


def test_an_attribute_that_the_metadata_name_is_no_metric() -> None:
    metadata: dict[str, Json] = {"protected_attributes": ["dept", 3]}
    assert around({"dept": {"group_scores": GROUPS}}, metadata) == {("score", "dept")}
    assert around({"tpr": {"dept": GROUPS}}, metadata) == {("tpr", "dept")}
    of_dept: Json = {"x": {"my_number": 0.5, "tpr": 0.3}}
    assert around({"dept": of_dept}, metadata) == {("my_number", "dept"), ("tpr", "dept")}
    assert around({"by_group": {"dept=x": {"tpr": 0.3}}}, metadata) == {("tpr", "dept")}
    assert around({"tpr": {"dept": 0.3, "b": 0.5}}, metadata) == set()
    listed: Json = [{"group": "x", "tpr": 0.3}, {"group": "y", "tpr": 0.5}]
    assert around({"dept": listed}, metadata) == {("tpr", "dept")}


def test_metrics_of_groups_are_their_own_whatever_is_around() -> None:
    of_group: Json = {"score": 0.3, "tpr": 0.2}
    groups: Json = {"a": of_group, "b": of_group}
    assert around({"accuracy": {"by_group": groups}}) == {("score", None), ("tpr", None)}


@pytest.mark.parametrize(
    ("features", "attribute"),
    [(["sex"], "sex"), (["sex", "dept"], "sex, dept"), ([], None), ("sex", None), ([3], None)],
    ids=str,
)
def test_a_metric_frame_names_the_attribute_of_its_groups(
    features: Json, attribute: str | None
) -> None:
    frame: dict[str, Json] = {"by_group": {"tpr": GROUPS}, "sensitive_features": features}
    assert around({"frame": frame}) == {("tpr", attribute)}


def test_a_metric_frames_records_are_of_the_features_that_it_names() -> None:
    records: Json = [{"dept": "a", "tpr": 0.3}, {"dept": "b", "tpr": 0.5}]
    frame: dict[str, Json] = {"by_group": records, "sensitive_features": ["dept"]}
    assert around({"frame": frame}) == {("tpr", "dept")}


def thresholds(results: dict[str, Json], metadata: dict[str, Json]) -> dict[str, float | None]:
    return {row.metric: row.threshold for row in rows_in(results, metadata)}


@pytest.mark.parametrize(
    "given",
    [
        {"tpr": 0.8, "fpr": "none"},
        {"TPR": 0.8},
        [{"metric": "tpr", "value": 0.8}],
        [{"name": "tpr", "threshold": 0.8}, 5],
    ],
    ids=str,
)
def test_a_threshold_of_one_metric_is_no_other_ones(given: Json) -> None:
    results: dict[str, Json] = {"thresholds": given, "tpr": GROUPS, "fpr": GROUPS}
    assert thresholds(results, {}) == {"tpr": 0.8, "fpr": None}


@pytest.mark.parametrize("given", [5, "tpr", None, [5]], ids=repr)
def test_thresholds_that_name_no_metric_are_none(given: Json) -> None:
    assert thresholds({"thresholds": given, "tpr": GROUPS}, {}) == {"tpr": None}


def test_where_the_model_decides_is_no_threshold_of_fairness() -> None:
    results: dict[str, Json] = {"tpr": GROUPS}
    assert thresholds(results, {"threshold": 0.5}) == {"tpr": None}
    assert thresholds(results, {"Threshold": 0.5}) == {"tpr": None}
    assert thresholds(results, {"tolerance": 0.1}) == {"tpr": 0.1}


def test_the_nearest_threshold_counts() -> None:
    inner: Json = {"threshold": 0.7, "tpr": GROUPS}
    assert thresholds({"threshold": 0.8, "x": inner, "fpr": GROUPS}, {}) == {
        "tpr": 0.7,
        "fpr": 0.8,
    }


def references(results: dict[str, Json]) -> dict[str | None, str | None]:
    """By attribute."""
    return {row.attribute: row.reference for row in rows_in(results, {})}


OF_BOTH: dict[str, Json] = {"sex": {"tpr": {"f": 0.3, "m": 0.5}}, "race": {"tpr": GROUPS}}


@pytest.mark.parametrize(
    "named",
    [
        {"sex": "m", "race": "b"},
        [{"Sex": "m"}, {"race": "b"}, 5],
        {"sex": "m", "race": "b", "age": ["old"]},
    ],
    ids=str,
)
def test_each_attribute_has_a_reference_group_of_its_own(named: Json) -> None:
    assert references({"reference_groups": named, **OF_BOTH}) == {"sex": "m", "race": "b"}


def test_a_reference_group_within_counts_more_than_one_around() -> None:
    results: dict[str, Json] = {
        "reference_group": "b",
        "x": {"reference_group": "a", "sex": {"tpr": GROUPS}},
        "race": {"tpr": GROUPS},
    }
    assert references(results) == {"sex": "a", "race": "b"}


def test_groups_of_no_attribute_have_no_attributes_reference_group() -> None:
    assert references({"reference_groups": {"sex": "m"}, "tpr": GROUPS}) == {None: None}


def test_a_number_may_be_the_name_of_a_reference_group() -> None:
    assert references({"reference_groups": {"age": 25}, "age": {"tpr": GROUPS}}) == {"age": "25"}
