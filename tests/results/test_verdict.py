"""What a result says of itself: its risk, and how many of its metrics passed."""

from __future__ import annotations

import pytest

from fairmind_sync.results.payload import Json
from fairmind_sync.results.verdict import Verdict, verdict_of

LARGEST = 2**31 - 1


def test_a_verdict_is_what_the_result_says() -> None:
    results: dict[str, Json] = {"overall_risk": "high", "metrics_passed": 3, "metrics_failed": 1}
    assert verdict_of(results) == Verdict("high", 3, 1)


def test_a_result_that_says_nothing_has_no_risk_and_counts_nothing() -> None:
    assert verdict_of({}) == Verdict(None, 0, 0)


@pytest.mark.parametrize("risk", [None, 1, True, ["high"], {"level": "high"}])
def test_a_risk_that_is_no_text_is_none(risk: Json) -> None:
    assert verdict_of({"overall_risk": risk}).overall_risk is None


def test_a_risk_that_no_database_takes_is_made_fit() -> None:
    assert verdict_of({"overall_risk": "h\ud800gh é"}).overall_risk == "h?gh é"


@pytest.mark.parametrize("name", ["metrics_passed", "metrics_failed"])
@pytest.mark.parametrize(
    ("value", "count"),
    [
        (0, 0),
        (1, 1),
        (LARGEST, LARGEST),
        (LARGEST + 1, 0),
        (-1, 0),
        (True, 0),
        (2.0, 0),
        ("3", 0),
        (None, 0),
    ],
)
def test_a_count_is_a_whole_number_that_the_database_holds(
    name: str, value: Json, count: int
) -> None:
    assert getattr(verdict_of({name: value}), name) == count
