"""The names of a result's numbers: the same thing has the same name in every run."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given

from fairmind_sync.results.metric_names import (
    MOST_GROUP_NUMBERS,
    Numbers,
    every_number,
    numbers_by_name,
)
from fairmind_sync.results.plain_json import Json
from tests.results.examples import NAMES, example
from tests.support.values import for_all, objects


def named(results: dict[str, Any]) -> dict[str, float]:
    """By joined name, as a person reads it."""
    return {"/".join(name): value for name, value in numbers_by_name(results, {}).by_name.items()}


def count_of_numbers(value: Json, key: str = "") -> int:
    """How many numbers a run has of it, found in another way than the code under test."""
    if isinstance(value, bool | int | float):
        return 1
    if isinstance(value, dict):
        return sum(count_of_numbers(item, name) for name, item in value.items())
    if not isinstance(value, list) or not value:
        return 0
    if all(isinstance(item, bool | int | float) for item in value):
        return 2 if key.endswith("ci") and len(value) == 2 else 3
    return sum(count_of_numbers(item) for item in value)


def test_a_number_is_named_by_its_path() -> None:
    assert named({"a": {"b": 0.5}, "c": 1}) == {"a/b": 0.5, "c": 1.0}


@pytest.mark.parametrize("flag", [True, False])
def test_a_flag_is_a_number(flag: bool) -> None:
    assert named({"passed": flag}) == {"passed": float(flag)}


def test_a_metric_stands_before_its_groups() -> None:
    by_group: Json = {"female": {"selection_rate": 0.3}, "male": {"selection_rate": 0.5}}
    assert named({"by_group": by_group}) == {
        "selection_rate/female": 0.3,
        "selection_rate/male": 0.5,
    }


def test_an_attribute_stands_between_metric_and_group() -> None:
    by_sex: Json = {"female": {"tpr": 0.3}, "male": {"tpr": 0.5}}
    assert named({"sex": by_sex}) == {"tpr/sex/female": 0.3, "tpr/sex/male": 0.5}


def test_an_attribute_that_the_groups_name_tells_stands_there_alone() -> None:
    assert {*named({"tpr": {"sex=female": 0.3, "sex=male": 0.5}})} == {
        "tpr/sex=female",
        "tpr/sex=male",
    }


def test_a_frame_in_columns_has_its_groups() -> None:
    frame: Json = {"group": ["a", "b"], "selection_rate": [0.3, 0.5], "weight": [1, 2]}
    found = named({"frame": frame})
    assert {name: found[name] for name in ("selection_rate/a", "selection_rate/b")} == {
        "selection_rate/a": 0.3,
        "selection_rate/b": 0.5,
    }
    assert found["frame/weight/mean"] == 1.5


def test_the_envelope_of_fairminds_answer_is_in_no_name() -> None:
    assert named({"results": {"parity": {"score": 0.5}}}) == {"parity/score": 0.5}
    assert named({"results": {"accuracy": 0.5}}) == {"accuracy": 0.5}
    assert named({"results": 0.5}) == {"results": 0.5}


def test_two_numbers_whose_short_names_are_the_same_keep_their_long_ones() -> None:
    results: dict[str, Json] = {"results": {"a": 1}, "a": 2}
    assert named(results) == {"results/a": 1.0, "a": 2.0}


@pytest.mark.parametrize(
    "key", ["test_id", "test_name", "name", "metric", "bias_type", "group", "attribute"]
)
def test_an_entry_of_a_list_is_named_by_what_names_it(key: str) -> None:
    entries: Json = [{key: "first", "p": 0.1}, {key: "second", "p": 0.2}]
    assert named({"tests": entries}) == {"tests/first/p": 0.1, "tests/second/p": 0.2}


def test_another_order_is_no_other_name() -> None:
    entries: list[Json] = [{"name": "a", "p": 0.1}, {"name": "b", "p": 0.2}]
    assert named({"tests": entries}) == named({"tests": entries[::-1]})


def test_two_keys_together_name_what_neither_names_alone() -> None:
    entries: Json = [
        {"metric": "tpr", "phase": "x", "id": "1", "p": 0.1},
        {"metric": "tpr", "phase": "x", "id": "2", "p": 0.2},
    ]
    assert {*named({"tests": entries})} == {"tests/1/p", "tests/2/p"}
    entries = [
        {"metric": "tpr", "name": "1", "p": 0.1},
        {"metric": "fpr", "name": "1", "p": 0.2},
        {"metric": "tpr", "name": "2", "p": 0.3},
    ]
    assert {*named({"tests": entries})} == {"tests/tpr, 1/p", "tests/fpr, 1/p", "tests/tpr, 2/p"}


def test_where_nothing_names_the_entries_their_places_do() -> None:
    assert named({"tests": [{"p": 0.1}, {"p": 0.2}]}) == {"tests/0/p": 0.1, "tests/1/p": 0.2}
    entries: Json = [{"note": "x", "p": 0.1}, {"note": "y", "p": 0.2}]
    assert {*named({"tests": entries})} == {"tests/0/p", "tests/1/p"}


def test_a_confusion_matrix_has_its_four_cells() -> None:
    cells = {"tn": 5.0, "fp": 1.0, "fn": 2.0, "tp": 7.0}
    assert named({"confusion_matrix": [[5, 1], [2, 7]]}) == {
        f"confusion_matrix/{cell}": count for cell, count in cells.items()
    }


@pytest.mark.parametrize("key", ["ci", "confidence_interval", "tpr_ci", "interval"])
def test_an_interval_has_a_lower_and_an_upper_end(key: str) -> None:
    assert named({key: [0.1, 0.3]}) == {f"{key}/lower": 0.1, f"{key}/upper": 0.3}


def test_any_other_list_has_mean_minimum_and_maximum() -> None:
    assert named({"p": [1, 2.5, 4]}) == {"p/mean": 2.5, "p/min": 1.0, "p/max": 4.0}


def test_what_is_in_a_mixed_list_is_named_by_its_place() -> None:
    assert named({"p": [1, {"a": 2}, "text"]}) == {"p/0": 1.0, "p/1/a": 2.0}


@pytest.mark.parametrize(
    "value",
    [[[5, 1], [2, 7], [1, 1]], [[5, 1], [2, 7, 1]], [[5, 1], [2, None]], [[5, 1], 2]],
    ids=str,
)
def test_what_has_not_four_cells_is_no_matrix_of_two_classes(value: Json) -> None:
    assert not {"tn", "tp"} & {name.split("/")[-1] for name in named({"cm": value})}


@pytest.mark.parametrize("numbers", [[0.1], [0.1, 0.2, 0.3]], ids=str)
def test_an_interval_has_two_ends(numbers: Json) -> None:
    assert {*named({"ci": numbers})} == {"ci/mean", "ci/min", "ci/max"}


def test_every_number_has_its_place_and_its_name() -> None:
    results: dict[str, Json] = {"tests": [{"name": "a", "p": 0.1, "passed": True}], "n": [1, 3]}
    assert [*every_number(results)] == [
        (("tests", "0", "p"), ("tests", "a", "p"), 0.1),
        (("tests", "0", "passed"), ("tests", "a", "passed"), 1.0),
        (("n", "mean"), ("n", "mean"), 2.0),
        (("n", "min"), ("n", "min"), 1.0),
        (("n", "max"), ("n", "max"), 3.0),
    ]


def test_groups_of_a_list_are_left_to_the_table_too() -> None:
    """Their names are not their places."""
    table: Json = [{"group": f"g{number}", "tpr": 0.5} for number in range(3)]
    results: dict[str, Json] = {"table": table, "x": 1}
    assert numbers_by_name(results, {}, most=2) == Numbers({("x",): 1.0}, 3)
    by_group = {("tpr", f"g{number}"): 0.5 for number in range(3)}
    assert numbers_by_name(results, {}, most=3) == Numbers(by_group | {("x",): 1.0}, 0)


def test_a_number_that_has_a_groups_short_name_has_a_long_one() -> None:
    results: dict[str, Json] = {
        "tpr": {"a": 0.3, "b": 0.5},
        "x": {"by_group": {"a": {"tpr": 0.1}, "c": {"tpr": 0.2}}},
    }
    assert named(results) == {
        "tpr/a": 0.3,
        "tpr/b": 0.5,
        "x/by_group/a/tpr": 0.1,
        "tpr/c": 0.2,
    }


def test_a_long_name_holds_what_names_an_entry_and_not_its_place() -> None:
    table: Json = [{"group": "a", "tpr": 0.1}, {"group": "b", "tpr": 0.2}]
    results: dict[str, Json] = {"table": table, "tpr": {"a": 0.3, "c": 0.4}}
    names = {"table/a/tpr": 0.1, "tpr/b": 0.2, "tpr/a": 0.3, "tpr/c": 0.4}
    assert named(results) == names


def test_numbers_of_too_many_groups_are_left_to_the_table() -> None:
    rates: dict[str, Json] = {f"g{number}": 0.5 for number in range(MOST_GROUP_NUMBERS + 1)}
    found = numbers_by_name({"accuracy": 0.5, "selection_rates": rates}, {})
    assert (found.by_name, found.left_out) == ({("accuracy",): 0.5}, MOST_GROUP_NUMBERS + 1)


def test_so_many_groups_as_are_allowed_are_named() -> None:
    rates: dict[str, Json] = {f"g{number}": 0.5 for number in range(MOST_GROUP_NUMBERS)}
    assert len(numbers_by_name({"selection_rates": rates}, {}).by_name) == MOST_GROUP_NUMBERS


@given(objects)
@for_all
def test_no_number_is_lost_and_none_has_anothers_name(results: dict[str, Json]) -> None:
    found = numbers_by_name(results, {}, most=math.inf).by_name
    assert len(found) == count_of_numbers(results)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_fairminds_holds_no_place_that_could_be_a_name(name: str) -> None:
    places = [found for found in numbers_by_name(example(name), {}).by_name if "0" in found[:-1]]
    assert [found for found in places if "detailed_report" not in found] == []
