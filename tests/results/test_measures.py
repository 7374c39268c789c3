"""A number, alone or with what is said of it."""

from __future__ import annotations

import math

import pytest

from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition.measures import (
    Measure,
    as_number,
    interval_in,
    measure_in,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        (-0.5, -0.5),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        (True, None),
        ("3", None),
        (None, None),
        ([3], None),
    ],
    ids=["int", "float", "too large", "too small", "bool", "text", "none", "list"],
)
def test_a_number_is_a_float(value: Json, number: float | None) -> None:
    assert as_number(value) == number
    assert measure_in(value) == (None if number is None else Measure(number))


@pytest.mark.parametrize(
    ("value", "ends"),
    [
        ([0.1, 0.3], (0.1, 0.3)),
        ({"lower": 0, "upper": 1}, (0.0, 1.0)),
        ({"ci_low": 0.1, "Hi": 0.3}, (0.1, 0.3)),
        ([0.1, "x"], (None, None)),
        ({"lower": 0.1}, (None, None)),
        ([0.1, 0.2, 0.3], (None, None)),
        ([0.1], (None, None)),
        (0.1, (None, None)),
    ],
    ids=str,
)
def test_an_interval_has_both_of_its_ends(
    value: Json, ends: tuple[float | None, float | None]
) -> None:
    assert interval_in(value) == ends


@pytest.mark.parametrize(
    ("entry", "measure"),
    [
        ({"value": 0.1}, Measure(0.1, "value")),
        ({"Bias Score": 0.1}, Measure(0.1, "Bias Score")),
        ({"ratio": 0.2, "value": "x", "score": 0.1}, Measure(0.1, "score")),
        ({"value": 0.1, "p_value": 0.04}, Measure(0.1, "value", is_judged=True)),
        ({"value": 0.1, "n": 7}, Measure(0.1, "value", count=7)),
        ({"value": 0.1, "tolerance": 0.05}, Measure(0.1, "value", threshold=0.05, is_judged=True)),
        ({"value": 0.1, "is_fair": True}, Measure(0.1, "value", passed=True, is_judged=True)),
        (
            {"value": 0.1, "ci": [0.0, 0.2]},
            Measure(0.1, "value", lower=0.0, upper=0.2, is_judged=True),
        ),
        ({"value": "x"}, None),
        ({"other": 0.1}, None),
        ({}, None),
    ],
    ids=str,
)
def test_an_object_tells_of_its_own_number(entry: dict[str, Json], measure: Measure | None) -> None:
    assert measure_in(entry) == measure


def test_an_interval_beside_a_number_is_its_own_where_it_has_none() -> None:
    entry: dict[str, Json] = {"tpr": 0.5, "tpr_conf_int": [0.4, 0.6], "fpr_ci": [0, 1]}
    assert Measure(0.5).beside("tpr", entry) == Measure(0.5, lower=0.4, upper=0.6)
    assert Measure(0.5).beside("fnr", entry) == Measure(0.5)
    own = Measure(0.5, lower=0.1, upper=0.9)
    assert own.beside("tpr", entry) == own


def test_the_first_interval_beside_a_number_counts() -> None:
    entry: dict[str, Json] = {"tpr_ci": [0.4, 0.6], "tpr_confidence_interval": [0.3, 0.7]}
    assert Measure(0.5).beside("tpr", entry) == Measure(0.5, lower=0.3, upper=0.7)
