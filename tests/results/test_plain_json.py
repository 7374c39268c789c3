"""What a fairness toolkit hands in, as JSON; what can't be stored is named by its path."""

from __future__ import annotations

import hashlib
import json
import math
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel

from fairmind_sync.errors import PayloadError
from fairmind_sync.results.plain_json import DEEPEST, digest, dumps, plain
from tests.support.values import any_text, for_all, objects, plain_values


class Risk(Enum):
    HIGH = "high"


class Level(IntEnum):
    THREE = 3


class Rate(NamedTuple):
    group: str
    rate: float


@dataclass
class Bound:
    low: float
    high: object


class Report(BaseModel):
    passed: bool


class Name(str):
    __slots__ = ()


class Count(int):
    __slots__ = ()


def nested(depth: int, innermost: object) -> object:
    value = innermost
    for _ in range(depth):
        value = [value]
    return value


@given(plain_values)
@for_all
def test_what_is_plain_already_stays_as_it_is(value: Any) -> None:
    assume(r"\ud800\udfff" not in repr(value))  # a pair of surrogates becomes one character
    assert repr(plain(value)) == repr(value)


@given(objects)
@for_all
def test_all_that_plain_lets_through_has_ascii_text(value: dict[str, Any]) -> None:
    assert dumps(plain(value)).isascii()


@given(st.dictionaries(st.text(), st.text() | st.floats() | st.integers()))
@for_all
def test_what_is_stored_reads_back_as_it_was(value: dict[str, Any]) -> None:
    assert repr(json.loads(dumps(plain(value)))) == repr(value)


@given(any_text)
@for_all
def test_no_text_reaches_the_database_with_a_nul(text: str) -> None:
    assert "\0" not in dumps(plain(text))


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "a\0b", "größe", "年齢", "👩"])
def test_lone_surrogates_nul_and_unicode_read_back_as_they_were(text: str) -> None:
    assert json.loads(dumps(plain({text: text}))) == {text: text}


@pytest.mark.parametrize(
    ("number", "text"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_numbers_that_are_not_finite_are_stored_as_bare_words(number: float, text: str) -> None:
    assert dumps(plain(number)) == text


@pytest.mark.parametrize("text", ["NaN", "sNaN"])
def test_a_decimal_that_is_no_number_is_nan(text: str) -> None:
    assert dumps(plain(Decimal(text))) == "NaN"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4, 5), "03:04:05"),
        (timedelta(minutes=1.5), 90.0),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
        (Risk.HIGH, "high"),
        (Level.THREE, 3),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("models") / "a", str(Path("models") / "a")),
        (Name("a"), "a"),
        (Count(3), 3),
        ((1, (2, 3)), [1, [2, 3]]),
        (deque([1, 2]), [1, 2]),
        (range(3), [0, 1, 2]),
        (map(str, [1, 2]), ["1", "2"]),
        (filter(None, [0, 1]), [1]),
        (zip([1], [2], strict=True), [[1, 2]]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({3}), [3]),
        (Rate("a", 0.5), {"group": "a", "rate": 0.5}),
        (Bound(0.0, (1,)), {"low": 0.0, "high": [1]}),
        (Report(passed=True), {"passed": True}),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_standard_librarys_values_have_a_plain_form(value: object, stored: object) -> None:
    converted = plain(value)
    assert (type(converted), converted) == (type(stored), stored)


@given(st.sets(st.integers() | st.text()))
@for_all
def test_a_set_is_stored_the_same_whatever_its_order(items: set[int | str]) -> None:
    assert plain(items) == plain(dict.fromkeys(sorted(items, key=repr)).keys())


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (1, "1"),
        (0.5, "0.5"),
        (True, "true"),
        (None, "null"),
        (Risk.HIGH, "high"),
        (Level.THREE, "3"),
        (Name("a"), "a"),
        (date(2026, 1, 2), "2026-01-02"),
        (("sex", 1, None), "sex, 1, null"),
        (frozenset({"b", "a"}), "a, b"),
    ],
)
def test_a_key_that_is_no_text_becomes_text(key: object, text: str) -> None:
    assert plain({key: 0}) == {text: 0}


@pytest.mark.parametrize("keys", [(1, "1"), (True, "true"), (None, "null"), (("a", "b"), "a, b")])
def test_two_keys_with_the_same_text_are_refused(keys: tuple[object, object]) -> None:
    with pytest.raises(PayloadError, match=r"^results\.by has two keys that both read "):
        plain({"by": dict.fromkeys(keys)})


def test_two_keys_whose_stored_text_is_the_same_are_refused() -> None:
    with pytest.raises(PayloadError, match="two keys"):
        plain({"\ud83d\ude00": 1, "\U0001f600": 2})


def test_a_set_of_numbers_is_sorted_by_size() -> None:
    assert plain({10, 9, 100}) == [9, 10, 100]


def test_a_file_handle_is_named_by_its_path() -> None:
    with (
        Path(__file__).open() as handle,
        pytest.raises(PayloadError, match=r"^results\.models\[1\]\.log is a _io\.TextIOWrapper"),
    ):
        plain({"models": [{}, {"log": handle}]})


@pytest.mark.parametrize("value", [b"a", bytearray(b"a"), memoryview(b"a")], ids=type)
def test_bytes_are_named_by_their_path(value: object) -> None:
    with pytest.raises(PayloadError, match=rf"^results\.raw is {type(value).__name__}: decode"):
        plain({"raw": value})


@pytest.mark.parametrize(
    "value",
    [object(), int, Risk, Bound, 1j, (number for number in (1,)), print],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_plain_form_is_named_by_its_path(value: object) -> None:
    with pytest.raises(PayloadError, match=r"^results\.a is a .*can't be stored"):
        plain({"a": value})


@pytest.mark.parametrize(
    "value",
    [Fraction(10**400), 10**5000, Report],
    ids=["fraction too large", "integer too long to print", "model class"],
)
def test_what_a_conversion_refuses_is_named_by_its_path(value: object) -> None:
    with pytest.raises(PayloadError, match=r"^results\.a "):
        dumps(plain({"a": value}))


def test_a_key_of_bytes_is_named_by_its_path() -> None:
    with pytest.raises(PayloadError, match=r"^results\.a "):
        plain({"a": {b"key": 1}})


def test_what_the_path_starts_with_is_the_callers_word() -> None:
    with pytest.raises(PayloadError, match=r"^metadata\.a is "):
        plain({"a": object()}, "metadata")


def list_in_itself() -> object:
    items: list[object] = []
    items.append(items)
    return items


def dictionary_in_its_list() -> object:
    value: dict[str, object] = {}
    value["items"] = [value]
    return value


def dataclass_in_itself() -> object:
    bound = Bound(0.0, None)
    bound.high = bound
    return bound


@pytest.mark.parametrize("make", [list_in_itself, dictionary_in_its_list, dataclass_in_itself])
def test_a_cycle_is_named_by_its_path(make: Callable[[], object]) -> None:
    with pytest.raises(PayloadError, match=r"^results\.a.* contains itself: a cycle"):
        plain({"a": make()})


def test_the_same_value_twice_is_no_cycle() -> None:
    shared = {"rate": 0.5}
    assert plain([shared, shared]) == [{"rate": 0.5}, {"rate": 0.5}]


def test_the_deepest_level_allowed_is_stored() -> None:
    value = nested(DEEPEST, 1)
    assert plain(value) == value


def test_one_level_deeper_is_refused() -> None:
    with pytest.raises(PayloadError, match=f"deeper than {DEEPEST} levels"):
        plain(nested(DEEPEST + 1, 1))


def test_a_payload_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="can't be stored"):
        plain(object())


@given(objects)
@for_all
def test_the_digest_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


@given(st.integers() | st.text(), st.integers() | st.text())
@for_all
def test_different_values_have_different_digests(one: int | str, other: int | str) -> None:
    assert (digest(one) == digest(other)) == (one == other)


def test_the_digest_is_sha_256_in_hex() -> None:
    text = b'{"a":[null],"b":1}'
    assert digest({"b": 1, "a": [None]}) == hashlib.sha256(text).hexdigest()
