"""Groups compared with each other: whom with, by how much, and what is not compared."""

from __future__ import annotations

import math

import pytest

from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition.rows import Row, blocks_of, compared
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


def test_nothing_is_no_share_of_something() -> None:
    row = rows_of({"tpr": {"a": 0.0, "b": 0.5}})["tpr", "a"]
    assert (row.difference, row.ratio) == (-0.5, 0.0)


@pytest.mark.parametrize("value", [-0.1, math.nan])
def test_a_ratio_needs_numbers_of_one_sign(value: float) -> None:
    row = rows_of({"sentiment": {"a": value, "b": 0.5}})["sentiment", "a"]
    assert row.ratio is None


@pytest.mark.parametrize("metric", ["tpr", "selection_rate"])
@pytest.mark.parametrize("number", [0.0, math.nan])
def test_where_the_highest_is_nothing_there_is_no_ratio(metric: str, number: float) -> None:
    rows = rows_of({metric: {"a": number, "b": number}}).values()
    assert {(row.ratio, row.impact) for row in rows} == {(None, None)}


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


def references(results: dict[str, Json], metric: str) -> set[str | None]:
    return {row.reference for key, row in rows_of(results).items() if key[0] == metric}


@pytest.mark.parametrize("metric", ["error_rate", "false_positive_rate", "mae"])
def test_groups_are_compared_with_the_one_that_has_the_least_errors(metric: str) -> None:
    assert references({metric: {"a": 0.3, "b": 0.1, "c": 0.2}}, metric) == {"b"}


def test_a_named_group_may_bear_its_attribute() -> None:
    rates: dict[str, Json] = {"sex=Male": 0.3, "sex=Female": 0.5}
    assert references({"reference_group": "male", "tpr": rates}, "tpr") == {"sex=Male"}


@pytest.mark.parametrize("nobody", ["Unknown", "overall", "n/a"])
def test_a_group_of_whom_nobody_knows_is_no_reference(nobody: str) -> None:
    rates: dict[str, Json] = {nobody: 0.9, "a": 0.3, "b": 0.5}
    rows = rows_of({"selection_rate": rates})
    assert {(row.reference, row.highest) for row in rows.values()} == {("b", "b")}


def test_where_nobody_is_known_one_of_them_is_the_reference() -> None:
    assert references({"tpr": {"unknown": 0.9, "missing": 0.3}}, "tpr") == {"unknown"}


@pytest.mark.parametrize(
    ("size", "total", "is_reference"), [(2, 100, True), (1, 100, False), (0, 40, False)]
)
def test_a_group_of_less_than_a_fiftieth_is_no_reference(
    size: int, total: int, is_reference: bool
) -> None:
    groups: Json = {"tiny": {"tpr": 0.9, "n": size}, "a": {"tpr": 0.5, "n": total - size}}
    assert references({"by_group": groups}, "tpr") == {"tiny" if is_reference else "a"}


def test_where_a_size_is_not_told_none_is_too_small() -> None:
    groups: Json = {"tiny": {"tpr": 0.9, "n": 0}, "a": {"tpr": 0.5, "n": 100}, "b": {"tpr": 0.4}}
    assert references({"by_group": groups}, "tpr") == {"tiny"}


def test_a_number_that_is_none_is_no_reference() -> None:
    assert references({"tpr": {"a": math.inf, "b": 0.5, "c": math.nan}}, "tpr") == {"b"}


def test_a_group_alone_is_compared_with_nobody() -> None:
    (row,) = rows_of({"by_group": {"a": {"selection_rate": 0.5}}}).values()
    assert (row.reference, row.impact, row.highest) == (None, None, None)


def test_two_groups_are_enough_for_the_four_fifths_rule() -> None:
    rows = rows_of({"selection_rate": {"a": 0.3, "b": 0.5}})
    row = rows["selection_rate", "a"]
    assert row.highest == "b"
    assert row.impact == pytest.approx(0.6)


def test_an_impact_ratio_that_is_stated_is_the_impact() -> None:
    rows = rows_of({"impact_ratio": {"a": 0.6, "b": 1.0}})
    row = rows["impact_ratio", "a"]
    assert (row.impact, row.highest, row.reference) == (0.6, None, None)


def test_the_impact_is_that_of_the_highest_whichever_group_is_named() -> None:
    rates: dict[str, Json] = {"a": 0.3, "b": 0.5, "c": 0.4}
    row = rows_of({"reference_group": "c", "selection_rate": rates})["selection_rate", "a"]
    assert (row.reference, row.highest) == ("c", "b")
    assert row.impact == pytest.approx(0.6)


def test_what_is_no_groups_is_compared_with_nothing() -> None:
    judged: Json = {"value": 0.4, "passed": True, "group_scores": {"a": 0.3, "b": 0.5}}
    row = rows_of({"selection_rate": judged})["selection_rate", None]
    assert (row.value, row.reference, row.difference, row.impact) == (0.4, None, None, None)


def test_a_difference_or_ratio_that_is_too_large_to_be_told_is_none() -> None:
    row = rows_of({"tpr": {"a": -1.7e308, "b": 1.7e308}})["tpr", "a"]
    assert (row.difference, row.ratio, row.reference) == (None, None, "b")
    row = rows_of({"reference_group": "b", "tpr": {"a": 1e300, "b": 1e-300}})["tpr", "a"]
    assert (row.difference, row.ratio) == (1e300, None)


def test_counts_belong_to_the_numbers_beside_them() -> None:
    def model(count: int) -> Json:
        return {"group_counts": {"x": count, "y": 5}, "selection_rates": {"x": 0.3, "y": 0.5}}

    rows = compared(rows_in({"models": {"a": model(30), "b": model(90)}}, {}))
    assert [(row.table[1], row.count) for row in rows if row.group == "x"] == [("a", 30), ("b", 90)]


def test_a_count_that_a_row_has_itself_stays() -> None:
    counts: Json = {"a": 30.6, "b": math.inf}
    groups: Json = {"a": {"tpr": 0.3, "n": 7}, "b": {"tpr": 0.5}}
    rows = compared(rows_in({"group_counts": counts, "by_group": groups}, {}))
    assert [(row.metric, row.group, row.count) for row in rows] == [
        ("count", "b", None),
        ("tpr", "a", 7),
        ("tpr", "b", None),
    ]


def test_a_count_that_is_no_whole_number_is_rounded() -> None:
    counts: Json = {"a": 30.6, "b": 50.0}
    rows = rows_of({"group_counts": counts, "selection_rates": {"a": 0.3, "b": 0.5}})
    assert rows["selection_rate", "a"].count == 31


def of(table: str, attribute: str | None, metric: str, group: str) -> Row:
    return Row(metric, 0.5, (), tuple(table.split("/")), group, attribute)


def test_blocks_stand_in_the_order_of_their_places() -> None:
    rows = [
        of("a0", None, "tpr", "x"),
        of("a/z", "Sex", "tpr", "x"),
        of("a/z", None, "tpr", "y"),
        of("a/z", None, "fpr", "x"),
        of("a/z", None, "tpr", "x"),
    ]
    assert blocks_of(rows) == [[rows[3]], [rows[2], rows[4]], [rows[1]], [rows[0]]]
