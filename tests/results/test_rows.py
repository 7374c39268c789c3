"""Groups compared with each other: whom with, by how much, and what is not compared."""

from __future__ import annotations

import math

import pytest

from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition.rows import Row, compared
from fairmind_sync.results.recognition.shapes import rows_in


def rows_of(results: dict[str, Json]) -> dict[tuple[str, str | None], Row]:
    """By metric and group."""
    return {(row.metric, row.group): row for row in compared(rows_in(results, {}))}


def test_groups_are_compared_with_the_one_that_has_most() -> None:
    rows = rows_of({"selection_rate": {"female": 0.3, "male": 0.5, "other": 0.4}})
    female, male = rows["selection_rate", "female"], rows["selection_rate", "male"]
    assert (female.reference, male.reference) == ("male", "male")
    assert female.difference == pytest.approx(-0.2)
    assert female.ratio == pytest.approx(0.6)
    assert (male.difference, male.ratio) == (0.0, 1.0)


def test_a_reference_group_that_the_result_names_is_taken() -> None:
    rates: dict[str, Json] = {"female": 0.3, "male": 0.5}
    rows = rows_of({"reference_group": "female", "selection_rate": rates})
    assert rows["selection_rate", "male"].reference == "female"
    assert rows["selection_rate", "male"].ratio == pytest.approx(5 / 3)


def test_a_reference_that_is_no_group_is_not_taken() -> None:
    rows = rows_of({"reference_group": "nobody", "tpr": {"a": 0.3, "b": 0.5}})
    assert rows["tpr", "a"].reference == "b"


@pytest.mark.parametrize("value", [-0.1, math.nan])
def test_a_ratio_needs_numbers_of_one_sign(value: float) -> None:
    row = rows_of({"sentiment": {"a": value, "b": 0.5}})["sentiment", "a"]
    assert row.ratio is None


@pytest.mark.parametrize("number", [0.0, math.nan])
def test_where_the_highest_is_nothing_there_is_no_ratio(number: float) -> None:
    assert {row.ratio for row in rows_of({"tpr": {"a": number, "b": number}}).values()} == {None}


@pytest.mark.parametrize("metric", ["std", "variance", "difference_from_overall", "tpr_gap"])
def test_spreads_and_differences_are_not_compared(metric: str) -> None:
    rows = rows_of({"by_group": {"a": {metric: 0.1, "tpr": 0.5}, "b": {metric: 0.2, "tpr": 0.7}}})
    assert rows[metric, "a"].reference is None


def test_counts_that_stand_apart_are_in_the_rows_of_their_groups() -> None:
    rates: dict[str, Json] = {"a": 0.3, "b": 0.5}
    rows = rows_of({"group_counts": {"a": 30, "b": 50}, "selection_rates": rates})
    assert {key: row.count for key, row in rows.items()} == {
        ("selection_rate", "a"): 30,
        ("selection_rate", "b"): 50,
    }


def test_counts_without_other_numbers_have_rows_and_are_not_compared() -> None:
    rows = rows_of({"group_counts": {"a": 30, "b": 50}})
    assert {(row.value, row.reference) for row in rows.values()} == {(30, None), (50, None)}


def test_groups_of_different_attributes_are_not_compared() -> None:
    rows = rows_of({"tpr": {"sex": {"f": 0.3, "m": 0.5}, "race": {"x": 0.9, "y": 0.8}}})
    assert (rows["tpr", "f"].reference, rows["tpr", "y"].reference) == ("m", "x")
