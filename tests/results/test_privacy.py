"""Which fields a pattern reaches, and what of a result is left without them."""

from __future__ import annotations

import re

import pytest

from fairmind_sync.results.payload import Json
from fairmind_sync.results.privacy import parse, without_private


def left(value: Json, *patterns: str, root: str = "results") -> Json:
    return without_private(value, root, [parse(pattern) for pattern in patterns])


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("metadata.email", ("metadata", "email")),
        ("results.*.name", ("results", "*", "name")),
        ("**.ssn", ("**", "ssn")),
    ],
)
def test_a_pattern_is_its_parts(pattern: str, parts: tuple[str, ...]) -> None:
    assert parse(pattern) == parts


@pytest.mark.parametrize("pattern", ["", "results", "**", "email", "results.", "results..a", ".a"])
def test_a_pattern_that_reaches_nothing_is_refused_with_examples(pattern: str) -> None:
    words = f"{pattern!r} is no path such as metadata.email, results.*.name or **.ssn"
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        parse(pattern)


@pytest.mark.parametrize(
    ("pattern", "value", "kept"),
    [
        ("results.a", {"a": 1, "b": 2}, {"b": 2}),
        ("results.a.b", {"a": {"b": 1, "c": 2}, "b": 3}, {"a": {"c": 2}, "b": 3}),
        ("results.*.b", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}, {"a": {}, "c": {"d": 2}}),
        ("results.a?", {"a": 1, "ab": 2, "abc": 3}, {"a": 1, "abc": 3}),
        ("results.A", {"a": 1, "A": 2}, {"a": 1}),
        ("results.a.0", {"a": [1, 2, 3]}, {"a": [2, 3]}),
        ("results.a.*.n", {"a": [{"n": 1, "m": 2}, {"n": 3}]}, {"a": [{"m": 2}, {}]}),
        ("**.n", {"n": 1, "a": {"n": 2, "m": [{"n": 3}]}}, {"a": {"m": [{}]}}),
        ("results.**.n", {"n": 1, "a": {"b": {"n": 2}}}, {"a": {"b": {}}}),
        ("results.a.**.n", {"n": 1, "a": {"n": 2, "b": {"n": 3}}}, {"n": 1, "a": {"b": {}}}),
        ("metadata.a", {"a": 1}, {"a": 1}),
        ("results.a", [1, 2], [1, 2]),
        ("results.1", [1, 2], [1]),
        ("results.a", "text", "text"),
        ("results.a.b", {"a": "text"}, {"a": "text"}),
    ],
)
def test_what_a_pattern_reaches_is_left_out(pattern: str, value: Json, kept: Json) -> None:
    assert left(value, pattern) == kept


def test_each_of_several_patterns_counts() -> None:
    value: Json = {"a": {"x": 1, "y": 2}, "b": 3, "c": 4}
    assert left(value, "results.a.x", "metadata.c", "**.b") == {"a": {"y": 2}, "c": 4}


def test_without_patterns_the_value_is_handed_back_itself() -> None:
    value: Json = {"a": [1]}
    assert left(value) is value


def test_what_no_pattern_reaches_into_is_handed_back_itself() -> None:
    inner: Json = {"deep": [1]}
    found = left({"a": 1, "b": inner}, "results.a")
    assert isinstance(found, dict)
    assert found["b"] is inner
