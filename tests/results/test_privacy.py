"""Which fields a pattern reaches, and what of a result is left without them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.privacy import parse, without_private
from tests.conftest import CHECKOUT


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


@pytest.mark.parametrize(
    "pattern", ["", "results", "**", "results.**", "**.**", "email", "results.", "results..a", ".a"]
)
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
        ("results.A", {"a": 1, "A": 2, "b": 3}, {"b": 3}),
        ("Results.ß", {"SS": 1, "s": 2}, {"s": 2}),
        ("results.ssn", {"\uff33\uff33\uff2e": 1, " ssn ": 2, "[ssn]": 3}, {}),
        (
            "results.user.ssn",
            {"user.ssn": 1, "user/ssn": 2, "user[ssn]": 3, "userssn": 4},
            {"userssn": 4},
        ),
        ("results.user/ssn", {"user.ssn": 1, "user": {"ssn": 2, "n": 3}}, {"user": {"n": 3}}),
        ("results.user", {"user.ssn": 1, "users": 2}, {"users": 2}),
        ("results.a.b", {"x.a.b": 1, "a.b.c": 2}, {"x.a.b": 1}),
        ("**.ssn", {"a": [{"user.SSN": 1, "n": 2}], "x/ssn/y": 3}, {"a": [{"n": 2}]}),
        ("**.ssn", {"ssns": 1, "user_ssn": 2, "ssn-": 3}, {"ssns": 1, "user_ssn": 2, "ssn-": 3}),
        ("results.*.b", {"a.b": 1, "a": {"c.b": 2}}, {"a": {"c.b": 2}}),
        ("results.a.c", {"a": {"b": 1, "c": 2}, "a.b": {"c": 3}}, {"a": {"b": 1}, "a.b": {"c": 3}}),
        ("results.a.b.c", {"a.b": {"c": 3, "d": 4}}, {"a.b": {"d": 4}}),
        ("results.a.0", {"a": [1, 2, 3]}, {"a": [2, 3]}),
        ("results.a.*.n", {"a": [{"n": 1, "m": 2}, {"n": 3}]}, {"a": [{"m": 2}, {}]}),
        ("**.n", {"n": 1, "a": {"n": 2, "m": [{"n": 3}]}}, {"a": {"m": [{}]}}),
        ("results.**.n", {"n": 1, "a": {"b": {"n": 2}}}, {"a": {"b": {}}}),
        ("results.a.**.n", {"n": 1, "a": {"n": 2, "b": {"n": 3}}}, {"n": 1, "a": {"b": {}}}),
        ("results.a.**", {"a": {"b": 1}, "c": {"a": 2}}, {"c": {"a": 2}}),
        ("results.a.**.**", {"a": "text", "b": 1}, {"b": 1}),
        ("results.x?y.z", {"x.y": {"z": 1, "w": 2}}, {"x.y": {"w": 2}}),
        ("metadata.a", {"a": 1}, {"a": 1}),
        ("results.a", [1, 2], [1, 2]),
        ("results.1", [1, 2], [1]),
        ("results.a", "text", "text"),
        ("results.a.b", {"a": "text"}, {"a": "text"}),
    ],
)
def test_what_a_pattern_reaches_is_left_out(pattern: str, value: Json, kept: Json) -> None:
    assert left(value, pattern) == kept


def test_a_pattern_counts_what_it_removes() -> None:
    removed: Counter[str] = Counter()
    patterns = [parse("**.SSN"), parse("results.a"), parse("results.none")]
    value: Json = {"a": {"ssn": 1}, "b": [{"Ssn": 2}, {"x.ssn": 3}]}
    without_private(value, "results", patterns, removed)
    assert removed == {"**.ssn": 2, "results.a": 1}


_ROW = re.compile(r"\| `([^`]+)` \| (.+) \| (.+) \|")
_EXAMPLE = re.compile(r"`((?:results|metadata)[^`]+)`")
_KEY = re.compile(r"""\.?([^.\[\]"]+)|\["([^"]+)"\]""")


def documented() -> Iterator[tuple[str, str, bool]]:
    """Each pattern of the table in the reference, with a field and whether the pattern removes the field."""
    page = (CHECKOUT / "daemon/docs/reference/settings.md").read_text(encoding="utf-8")
    for pattern, removes, leaves in _ROW.findall(page.partition("## Fields that are removed")[2]):
        for cell, is_removed in ((removes, True), (leaves, False)):
            for field in _EXAMPLE.findall(cell):
                yield pattern, field, is_removed


def test_the_reference_has_examples() -> None:
    assert len([*documented()]) > 20


@pytest.mark.parametrize(("pattern", "field", "is_removed"), [*documented()])
def test_the_reference_says_what_a_pattern_removes(
    pattern: str, field: str, is_removed: bool
) -> None:
    root, *keys = [plain or quoted for plain, quoted in _KEY.findall(field)]
    value: Json = "here"
    for key in reversed(keys):
        value = {key: value}
    assert ("here" not in str(left(value, pattern, root=root))) is is_removed


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
