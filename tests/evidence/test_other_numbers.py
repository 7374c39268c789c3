"""Numbers that no row of a table holds are listed by name, each once."""

from __future__ import annotations

from typing import Any

import pytest

from fairmind_sync.evidence.files import report_of
from fairmind_sync.evidence.group_table import table_of
from fairmind_sync.evidence.other_numbers import other_numbers
from tests.results.examples import NAMES, example
from tests.support.values import saved_result


def others(results: dict[str, Any]) -> list[tuple[str, str]]:
    saved = saved_result(results=results)
    return other_numbers(saved.results, table_of(saved).rows)


def test_what_a_causal_test_measured_is_listed() -> None:
    found = dict(others(example("advanced_causal_1")))
    assert found["detailed results / treatment effect"] == "-0.12"
    assert found["detailed results / confidence interval / lower"] == "-0.19"


def test_a_flag_is_a_word() -> None:
    found = dict(others({"risk_assessment": {"confounding_risk": True, "urgent": False}}))
    assert found == {
        "risk assessment / confounding risk": "yes",
        "risk assessment / urgent": "no",
    }


def test_what_a_row_holds_is_not_listed() -> None:
    results = {
        "tests": [
            {"name": "odds", "value": 0.3, "threshold": 0.1, "passed": False, "ci": [0.2, 0.4]}
        ],
        "selection_rate": {"female": 0.31, "male": 0.52},
    }
    assert others(results) == []


def test_what_is_beside_a_recognised_value_is_listed() -> None:
    results = {"tests": [{"name": "odds", "value": 0.3, "effect_size": 0.8}]}
    assert others(results) == [("tests / odds / effect size", "0.8")]


def test_fairminds_envelope_is_left_away() -> None:
    assert others({"results": {"treatment_effect": -0.1}}) == [("treatment effect", "-0.1")]


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_in_the_report_or_in_a_row(name: str) -> None:
    page = report_of(saved_result(results=example(name)))
    assert ("Other numbers" in page) == bool(others(example(name)))


def test_of_many_numbers_the_first_hundred_are_shown() -> None:
    page = report_of(saved_result(results={"x": {f"weight_{n}": n for n in range(130)}}))
    assert "30 more are in result.json." in page
