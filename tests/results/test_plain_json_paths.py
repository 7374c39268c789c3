"""Where in a payload the trouble is: what is refused is named by its path, however deep it lies."""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from enum import Enum
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from fairmind_sync.errors import PayloadError
from fairmind_sync.results.plain_json import MOST_BITS, plain

BAD = 1j
ADVICE = "Turn it into numbers, text, lists or dictionaries and save again."
Pair = namedtuple("Pair", "a b")  # noqa: PYI024 as toolkits make them


@dataclasses.dataclass
class Point:
    a: object


class Model(BaseModel):
    a: Any


class Holder(Enum):
    VALUE = (BAD,)


class Alike:
    """Behaves like an array of a library that we don't know."""

    def __init__(self, listed: object) -> None:
        self._listed = listed

    def tolist(self) -> object:
        return self._listed


def refused(value: object) -> str:
    with pytest.raises(PayloadError) as error:
        plain({"in": value}, "results")
    return str(error.value)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (BAD, "results.in"),
        ({"a": BAD}, "results.in.a"),
        ({"a": {"b": [0, BAD]}}, "results.in.a.b[1]"),
        ([[BAD]], "results.in[0][0]"),
        ((0, BAD), "results.in[1]"),
        ({BAD}, "results.in[0]"),
        (Pair(1, BAD), "results.in.b"),
        (Point(BAD), "results.in.a"),
        (Model(a=BAD), "results.in.a"),
        (Holder.VALUE, "results.in[0]"),
        (MappingProxyType({"a": BAD}), "results.in.a"),
        (map(complex, [1]), "results.in[0]"),
        (np.array([0, {"a": BAD}], dtype=object), "results.in[1].a"),
        (pd.Series([BAD], index=["a"], dtype=object), "results.in.a"),
        (pd.Series([0, BAD], index=["a", "a"], dtype=object), "results.in[1]"),
        (pd.DataFrame({"a": pd.Series([BAD], dtype=object)}), "results.in.a.0"),
        (Alike([0, BAD]), "results.in[1]"),
    ],
    ids=range(17),
)
def test_what_can_not_be_stored_is_named_by_its_path_kind_and_remedy(
    value: object, path: str
) -> None:
    assert refused(value) == f"{path} is a builtins.complex, which can't be stored. {ADVICE}"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Point, "builtins.type"),
        (Model, "pydantic._internal._model_construction.ModelMetaclass"),
        (np.complex128(1j), "numpy.complex128"),
        (np.array([1j]), "numpy.ndarray"),
        (pd.DateOffset(days=1), f"{pd.DateOffset.__module__}.DateOffset"),
        (object(), "builtins.object"),
    ],
    ids=["class", "model class", "numpy scalar", "numpy array", "pandas", "object"],
)
def test_the_kind_of_what_can_not_be_stored_is_told(value: object, kind: str) -> None:
    assert refused(value) == f"results.in is a {kind}, which can't be stored. {ADVICE}"


class Raising:
    """Behaves like an array, until somebody looks."""

    def tolist(self) -> object:
        raise RuntimeError("gone")


def test_what_a_value_raises_is_told_with_its_path() -> None:
    kind = f"{__name__}.Raising, which can't be stored: reading it raises RuntimeError"
    assert refused([Raising()]) == f"results.in[0] is a {kind}. {ADVICE}"


def test_what_is_in_a_toolkits_own_series_is_named_by_its_path() -> None:
    series = type("Series", (), {"__module__": "polars", "to_list": lambda _self: [0, BAD]})()
    assert refused(series).startswith("results.in[1] is a builtins.complex")


def test_a_mapping_of_another_kind_is_stored_as_deep_as_it_goes() -> None:
    assert plain(MappingProxyType({"a": (1, MappingProxyType({"b": {2}}))})) == {
        "a": [1, {"b": [2]}]
    }


@pytest.mark.parametrize("key", [b"k", (b"k",), frozenset([b"k"])], ids=str)
def test_a_key_of_bytes_is_named_by_the_path_of_its_dictionary(key: object) -> None:
    expected = "results.in has the key b'k': decode it to text and save again."
    assert refused({key: 1}) == expected


class Key(Enum):
    BYTES = b"k"


def test_an_enumerations_key_of_bytes_is_named_too() -> None:
    assert (
        refused({Key.BYTES: 1}) == "results.in has the key b'k': decode it to text and save again."
    )


def test_two_keys_that_read_alike_are_named() -> None:
    message = "results.in has two keys that both read '1' as text. Rename one."
    assert refused({1: "a", "1": "b"}) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"a", "results.in is bytes: decode it to text and save again."),
        (10**5000, "results.in is an integer of 16610 bits: too large."),
    ],
    ids=["bytes", "integer"],
)
def test_what_is_refused_for_its_value_says_why(value: object, message: str) -> None:
    assert refused(value) == message


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (np.array(["2026-01-02T03:04:05.000000001"], "M8[ns]"), "2026-01-02T03:04:05.000000001"),
        (np.array([1_500_000_000], "m8[ns]"), 1.5),
    ],
    ids=["time", "duration"],
)
def test_times_of_nanoseconds_are_no_bare_integers(value: object, stored: object) -> None:
    """`tolist` would give integers."""
    assert plain(value) == [stored]


def test_an_integer_may_have_as_many_bits_as_are_allowed() -> None:
    largest = 2**MOST_BITS - 1
    assert plain([largest, -largest]) == [largest, -largest]
    assert refused(largest + 1) == f"results.in is an integer of {MOST_BITS + 1} bits: too large."


def test_what_only_behaves_like_an_array_becomes_a_list() -> None:
    assert plain(Alike([1, "a"])) == [1, "a"]
