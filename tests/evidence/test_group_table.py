"""The evidence's tables: what MLflow's page and a spreadsheet read."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import pytest

from fairmind_sync.evidence.group_table import COLUMNS, MOST_ROWS, groups_csv, groups_json, table_of
from fairmind_sync.results.plain_json import Json
from tests.support.values import saved_result

RATES: dict[str, Json] = {"selection_rate": {"female": 0.3, "male": 0.5}}


def entries(metadata: dict[str, Json] | None = None, **results: Any) -> list[dict[str, Any]]:
    """The rows of the JSON table, by column."""
    table = table_of(saved_result(results=results, metadata=metadata or {}))
    content = json.loads(groups_json(table))
    assert content["columns"] == [*COLUMNS]
    return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]


def lines(**results: Any) -> list[dict[str, str]]:
    """The lines of the CSV table, by column."""
    return [*csv.DictReader(io.StringIO(groups_csv(table_of(saved_result(results=results)))))]


def test_a_row_holds_all_that_is_known_of_a_group_and_a_metric() -> None:
    female: Json = {
        "selection_rate": 0.3,
        "selection_rate_ci": [0.2, 0.4],
        "count": 30,
        "passed": False,
    }
    found = entries(
        {"fairness_threshold": 0.8}, sex={"female": female, "male": {"selection_rate": 0.5}}
    )
    assert found[0] == {
        "attribute": "sex",
        "group": "female",
        "metric": "selection_rate",
        "value": 0.3,
        "count": 30,
        "reference": "male",
        "difference": -0.2,
        "ratio": 0.6,
        "threshold": 0.8,
        "passed": False,
        "ci_lower": 0.2,
        "ci_upper": 0.4,
    }


def test_a_single_attribute_of_the_metadata_is_that_of_groups_without_one() -> None:
    assert {row["attribute"] for row in entries({"protected_attribute": "sex"}, **RATES)} == {"sex"}


@pytest.mark.parametrize("named", [["sex", "age"], [], None])
def test_of_several_attributes_of_the_metadata_none_is_guessed(named: Json) -> None:
    assert {row["attribute"] for row in entries({"protected_attributes": named}, **RATES)} == {None}


def test_a_number_that_is_none_is_a_text() -> None:
    found = entries(tpr={"a": math.nan, "b": 0.5, "c": math.inf})
    assert [row["value"] for row in found] == ["NaN", 0.5, "Infinity"]


def test_the_csv_has_the_same_rows() -> None:
    found = lines(**RATES)
    assert [(row["group"], row["metric"], row["value"]) for row in found] == [
        ("female", "selection_rate", "0.3"),
        ("male", "selection_rate", "0.5"),
    ]


@pytest.mark.parametrize("group", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_a_text_that_a_spreadsheet_would_compute_is_none(group: str) -> None:
    assert lines(tpr={group: 0.5, "b": 0.7})[0]["group"] == f"'{group}"


def test_a_difference_below_zero_stays_a_number() -> None:
    assert float(lines(**RATES)[0]["difference"]) == pytest.approx(-0.2)


def test_more_rows_than_trackers_can_show_are_counted() -> None:
    groups: dict[str, Json] = {f"g{number}": 0.5 for number in range(MOST_ROWS + 3)}
    table = table_of(saved_result(results={"selection_rates": groups}))
    assert (len(table.rows), table.left_out) == (MOST_ROWS, 3)
    for last in (json.loads(groups_json(table))["data"][-1], groups_csv(table).splitlines()[-1]):
        assert "(3 rows more are in result.json alone)" in last
