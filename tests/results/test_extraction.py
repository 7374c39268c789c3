"""What of a saved result is logged: metrics, parameters, tags, summary."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given

from fairmind_sync.results.extraction import Extract, extract, summary_text
from fairmind_sync.results.keys import keys_for
from fairmind_sync.results.metric_names import MOST_GROUP_NUMBERS
from fairmind_sync.results.name_choice import Names
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.readable_keys import readable_keys
from fairmind_sync.results.run_description import describe
from tests.support.values import SAVED_AT, for_all, objects, saved_result


def extracted(**changes: Any) -> Extract:
    return extract(saved_result(**changes), "a-project")


def test_the_identifiers_are_parameters() -> None:
    assert extracted().params == {
        ("test_id",): "test-1",
        ("model_id",): "model-1",
        ("test_type",): "ml_bias",
        ("dataset_id",): "dataset-1",
        ("user_id",): "user-1",
    }


@pytest.mark.parametrize("name", ["dataset_id", "user_id"])
def test_an_identifier_that_was_not_given_is_no_parameter(name: str) -> None:
    assert (name,) not in extracted(**{name: ""}).params


@pytest.mark.parametrize("value", ["text", "", 1, 0, 0.5, True, False])
def test_every_scalar_of_the_metadata_is_a_parameter(value: Json) -> None:
    assert extracted(metadata={"a": value}).params["a",] is value


def test_a_missing_value_of_the_metadata_is_no_parameter() -> None:
    assert ("a",) not in extracted(metadata={"a": None}).params


@pytest.mark.parametrize("value", [{"depth": [1]}, [1, 2], {}, []])
def test_nested_metadata_is_kept_as_it_is(value: Json) -> None:
    assert extracted(metadata={"a": value}).nested_params == {("a",): value}


def test_nested_metadata_is_no_scalar_parameter() -> None:
    assert ("a",) not in extracted(metadata={"a": {"b": 1}}).params


@pytest.mark.parametrize("name", ["test_id", "model_id", "test_type", "dataset_id", "user_id"])
def test_metadata_never_replaces_an_identifier(name: str) -> None:
    params = extracted(metadata={name: "other"}).params
    assert (params[name,], params["metadata", name]) == (extracted().params[name,], "other")


@given(objects)
@for_all
def test_no_parameter_is_lost_or_there_twice(metadata: dict[str, Json]) -> None:
    found = extracted(metadata=metadata)
    kept = sum(value is not None for value in metadata.values())
    assert len(found.params) + len(found.nested_params) == 5 + kept


def test_the_tags_are_test_type_model_and_project() -> None:
    assert extracted().tags == {
        "test_type": "ml_bias",
        "model_id": "model-1",
        "project": "a-project",
    }


def test_the_runs_name_leads_with_model_and_test() -> None:
    name = extracted(model_id="m:2", test_type="llm", test_id="t-9").run_name
    assert name == "m:2 - llm - t-9"


def test_what_was_not_given_is_not_in_the_runs_name() -> None:
    assert extracted(model_id="", test_type="", test_id="t-9").run_name == "t-9"


def test_an_infinite_number_is_in_the_summary_and_told() -> None:
    found = extracted(results={"a": {"b": -math.inf}})
    assert (found.metrics, found.summary) == ({}, {"infinite": {"a/b": "-inf"}})
    assert found.notes == ("metric a/b: -inf can't be held",)


def test_numbers_of_too_many_groups_are_told_to_be_in_the_table() -> None:
    groups: dict[str, Json] = {f"g{number}": 0.5 for number in range(MOST_GROUP_NUMBERS + 1)}
    found = extracted(results={"accuracy": 0.5, "selection_rates": groups})
    assert {*found.metrics} == {("accuracy",)}
    assert found.notes == ("201 numbers of groups are in evidence/groups.json alone",)


def test_the_keys_are_made_as_the_names_are_chosen() -> None:
    names: tuple[Names, Names] = (1, 2)
    assert [extract(saved_result(), "p", one).keys for one in names] == [keys_for, readable_keys]


def test_the_run_starts_when_its_result_was_saved() -> None:
    assert extracted().started_at is SAVED_AT


@pytest.mark.parametrize(
    ("results", "summary"),
    [
        ({"overall_bias_detected": False}, {"verdict": "passed", "overall_bias_detected": False}),
        ({"metrics_passed": 2}, {"verdict": "passed", "metrics_passed": 2}),
        ({"metrics_failed": 1}, {"verdict": "failed", "metrics_failed": 1}),
        ({"risk_level": "high"}, {"risk_level": "high"}),
        ({"overall_risk": "low"}, {"risk_level": "low"}),
        ({"risk_level": "high", "overall_risk": "low"}, {"risk_level": "low"}),
        ({"risk_level": None, "overall_risk": "low"}, {"risk_level": "low"}),
        ({"summary": "all well"}, {"summary": "all well"}),
        ({"summary": {"passed": 3}}, {"summary": {"passed": 3}}),
        ({"accuracy": 0.5}, {}),
        ({"overall_bias_detected": "no", "risk_level": 3, "summary": 1.5}, {}),
    ],
)
def test_the_summary_holds_verdict_risk_and_text(
    results: dict[str, Json], summary: dict[str, Json]
) -> None:
    assert extracted(results=results).summary == summary


def test_a_summary_in_words_is_its_own_text() -> None:
    assert summary_text('say "no"') == 'say "no"'


@pytest.mark.parametrize("value", [True, {"a": [1]}])
def test_any_other_summary_is_json_text(value: Json) -> None:
    assert json.loads(summary_text(value)) == value


def test_the_description_names_test_and_model_and_lists_the_summary() -> None:
    assert describe(extracted(results={"overall_bias_detected": True, "risk_level": "low"})) == (
        "Bias test **model-1 - ml_bias - test-1** of model **model-1**\n"
        "- verdict: failed\n"
        "- overall bias detected: true\n"
        "- risk level: low"
    )
