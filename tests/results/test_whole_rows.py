"""Rows as whole values: all that is told of a number, from wherever in the result it stands."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition.shapes import rows_in

Told = dict[str, Any]
JUDGED: dict[str, Json] = {"threshold": 0.8, "passed": False}
OF_JUDGED: Told = {"threshold": 0.8, "has_own_threshold": True, "passed": False}


def told(results: dict[str, Json], metadata: dict[str, Json] | None = None) -> list[Told]:
    """Each row without the fields that say nothing; paths joined."""
    found = []
    for each in rows_in(results, metadata or {}):
        fields = {key: one for key, one in asdict(each).items() if one is not None}
        joined = {key: "/".join(fields[key]) for key in ("path", "table")}
        without = {} if fields.pop("has_own_threshold") is False else {"has_own_threshold": True}
        found.append(fields | joined | without)
    return found


def row(common: Told, **more: object) -> Told:
    return common | more


def test_a_long_record_tells_all_of_its_number() -> None:
    table: Json = [
        {"sex": "female", "metric": "tpr", "value": 0.5, "n": 12, "ci": [0.4, 0.6], **JUDGED},
        {"sex": "male", "metric": "tpr", "value": 0.7},
    ]
    female, male = told({"reference_group": "male", "table": table})
    common = {"metric": "tpr", "table": "table", "attribute": "sex", "reference": "male"}
    assert female == row(
        common | OF_JUDGED | {"group": "female"},
        value=0.5,
        path="table/0/value",
        count=12,
        lower=0.4,
        upper=0.6,
    )
    assert male == row(common, group="male", value=0.7, path="table/1/value")


def test_a_wide_record_tells_all_of_each_of_its_numbers() -> None:
    table: Json = [
        {"group": "a", "tpr": 0.5, "tpr_ci": [0.4, 0.6], "fpr": 0.1, "count": 9, "passed": True},
        {"group": "b", "tpr": 0.7, "fpr": 0.2, "n": True},
    ]
    results: dict[str, Json] = {"thresholds": {"tpr": 0.8}, "reference": "b", "table": table}
    b = {"table": "table", "reference": "b", "group": "b"}
    a = b | {"group": "a", "count": 9, "passed": True}
    assert told(results) == [
        row(a | {"lower": 0.4, "upper": 0.6}, metric="tpr", value=0.5, path="table/0/tpr")
        | {"threshold": 0.8},
        row(a, metric="fpr", value=0.1, path="table/0/fpr"),
        row(b, metric="tpr", value=0.7, path="table/1/tpr", threshold=0.8),
        row(b, metric="fpr", value=0.2, path="table/1/fpr"),
    ]


def test_a_frame_in_columns_tells_where_each_number_stands() -> None:
    frame: Json = {"sex": ["f", "m"], "race": ["x", "y"], "tpr": [0.5, 0.7], "count": [9, 8]}
    common = {"metric": "tpr", "table": "frame", "attribute": "sex, race"}
    assert told({"frame": frame}) == [
        row(common, group="f, x", value=0.5, path="frame/tpr/0", count=9),
        row(common, group="m, y", value=0.7, path="frame/tpr/1", count=8),
    ]


def test_a_frame_that_is_split_tells_its_groups_by_their_index() -> None:
    frame: Json = {"columns": ["tpr"], "index": ["a", "b"], "data": [[0.5], [0.7]]}
    assert [(one["group"], one["value"]) for one in told({"frame": frame})] == [
        ("a", 0.5),
        ("b", 0.7),
    ]


@pytest.mark.parametrize(
    "frame",
    [
        {"name": ["x", "y"], "value": [0.5, 0.7]},
        {"group": ["a", "b"]},
        {"group": ["a", "b"], "tpr": [0.5]},
        {"group": [], "tpr": []},
        {"group": [1, 2], "tpr": [0.5, 0.7]},
        {"columns": ["tpr"], "index": ["a", "b"], "data": 5},
        {"columns": 5, "index": ["a", "b"], "data": [[0.5], [0.7]]},
        {"columns": ["tpr"], "index": ["a"], "data": [[0.5], [0.7]]},
        {"columns": ["tpr"], "index": ["a", 2], "data": [[0.5], [0.7]]},
        {"columns": ["tpr"], "index": "ab", "data": [[0.5], [0.7]]},
        {"columns": ["tpr"], "index": ["a", "b"], "data": [[0.5, 1], [0.7, 1]]},
    ],
    ids=str,
)
def test_columns_without_the_names_of_groups_have_no_row(frame: dict[str, Json]) -> None:
    assert told({"frame": frame}) == []


def test_a_group_that_is_a_number_is_called_by_it() -> None:
    table: Json = [{"age": 25, "tpr": 0.5}, {"age": 60, "tpr": 0.7}]
    assert [one["group"] for one in told({"table": table})] == ["25", "60"]


def test_a_column_is_an_attribute_that_only_the_metadata_name() -> None:
    table: Json = [{"dept": "a", "tpr": 0.5}, {"dept": "b", "tpr": 0.7}]
    metadata: dict[str, Json] = {"sensitive_attribute": "dept"}
    assert [one["attribute"] for one in told({"t": table}, metadata)] == ["dept", "dept"]
    assert told({"t": table}) == []


def test_an_attribute_that_is_no_text_is_none() -> None:
    (found,) = told({"table": [{"attribute": 3, "group": "a", "tpr": 0.5}]})
    assert "attribute" not in found


def test_a_list_under_an_attribute_has_groups_of_it() -> None:
    table: Json = [{"group": "female", "tpr": 0.5}, {"group": "male", "tpr": 0.7}]
    assert {one["attribute"] for one in told({"sex": table})} == {"sex"}
    judged: Json = [{"name": "odds", "value": 0.3, "passed": True}]
    assert told({"sex": judged}) == [
        {"metric": "odds", "value": 0.3, "path": "sex/0/value", "table": "sex", "passed": True}
    ]


def test_a_table_in_a_list_is_looked_through() -> None:
    inner: Json = [{"group": "a", "tpr": 0.5}, {"group": "b", "tpr": 0.7}]
    assert [(one["table"], one["path"]) for one in told({"t": [1, inner]})] == [
        ("t/1", "t/1/0/tpr"),
        ("t/1", "t/1/1/tpr"),
    ]


def test_an_object_of_groups_tells_all_of_each_of_its_numbers() -> None:
    groups: Json = {
        "f": {
            "performance": {"tpr": {"value": 0.5, "n": 3, **JUDGED}},
            "rates": {"fpr": 0.1, "fpr_ci": [0.0, 0.2]},
            "passed": True,
            "support": 12,
        },
        "m": {"tpr": 0.7, "count": 5, "passed": True},
        "x": {"count": 4, "support": 9},
    }
    table = "sex/by_group"
    common = {"table": table, "attribute": "sex"}
    tpr, fpr = common | {"metric": "tpr"}, common | {"metric": "fpr"}
    f_tpr, f_fpr = f"{table}/f/performance/tpr/value", f"{table}/f/rates/fpr"
    count = common | {"metric": "count"}
    assert told({"sex": {"by_group": groups}}) == [
        row(tpr | OF_JUDGED, group="f", value=0.5, path=f_tpr, count=12),
        row(fpr, group="f", value=0.1, path=f_fpr, count=12, lower=0.0, upper=0.2),
        row(tpr, group="m", value=0.7, path=f"{table}/m/tpr", count=5, passed=True),
        row(count, group="x", value=4.0, path=f"{table}/x/count", count=4),
    ]


def test_what_is_judged_beside_groups_has_a_row_of_the_attribute() -> None:
    gap: Json = {"value": 0.2, "n": 20, "ci": [0.1, 0.3], **JUDGED}
    groups: Json = {"f": {"tpr": 0.5}, "m": {"tpr": 0.7}, "demographic_parity": gap}
    *of_groups, judged = told({"sex": groups})
    assert [one["group"] for one in of_groups] == ["f", "m"]
    place = {"path": "sex/demographic_parity/value", "table": "sex/demographic_parity"}
    assert judged == row(
        place | OF_JUDGED | {"metric": "demographic_parity", "value": 0.2, "attribute": "sex"},
        count=20,
        lower=0.1,
        upper=0.3,
    )


@pytest.mark.parametrize(
    ("said", "is_judged"),
    [
        ({"p_value": 0.03}, True),
        ({"threshold": 0}, True),
        ({"ci": [0, 1]}, True),
        ({"passed": False}, True),
        ({"note": 1}, False),
        ({}, False),
    ],
    ids=str,
)
def test_a_number_alone_has_a_row_where_something_is_said_of_it(
    said: dict[str, Json], is_judged: bool
) -> None:
    assert bool(told({"calibration": {"value": 0.1, **said}})) is is_judged


@pytest.mark.parametrize(
    ("key", "kind", "metric"),
    [
        ("demographic_parity", "ratio", "demographic_parity_ratio"),
        ("demographic_parity", "difference", "demographic_parity_difference"),
        ("parity_ratio", "ratio", "parity_ratio"),
        ("parity", "value", "parity"),
        ("selection", "rate", "selection_rate"),
        ("parity", "disparity", "parity_disparity"),
    ],
)
def test_a_metric_is_called_by_the_kind_of_its_number(key: str, kind: str, metric: str) -> None:
    (found,) = told({key: {kind: 0.7, "passed": True}})
    assert (found["metric"], found["path"]) == (metric, f"{key}/{kind}")
