"""Which texts are ids, and objects whose own code raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from fairmind_sync.errors import PayloadError
from fairmind_sync.testing import new_result
from tests.support.values import STRANGE_IDS

NAMES = ["test_id", "user_id", "model_id", "dataset_id", "test_type"]
PLACES = ["results", "metadata"]


class Hostile(str):
    """A text whose own methods raise."""

    __slots__ = ()

    def strip(self, *_anything: object) -> NoReturn:
        raise RuntimeError

    __str__ = __eq__ = __len__ = __iter__ = strip
    __hash__ = str.__hash__


class HostileObject:
    """An object without any attribute that can be read."""

    def __getattribute__(self, name: str) -> NoReturn:
        raise RuntimeError(name)


class HostileArray:
    def tolist(self) -> NoReturn:
        raise RuntimeError


class Itself:
    def tolist(self) -> Itself:
        return self


class HostileDict(dict[str, object]):
    def items(self) -> NoReturn:
        raise RuntimeError


class HostileKey:
    def __str__(self) -> NoReturn:
        raise RuntimeError


HOSTILE: list[Callable[[], Any]] = [
    HostileObject,
    HostileArray,
    Itself,
    lambda: HostileDict(a=1),
    lambda: {HostileKey(): 1},
    lambda: Hostile("a"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", STRANGE_IDS)
def test_any_text_is_an_identifier(name: str, text: str) -> None:
    assert getattr(new_result(**{name: text}), name) == text


@pytest.mark.parametrize("name", NAMES)
def test_an_object_whose_attributes_raise_is_no_identifier(name: str) -> None:
    with pytest.raises(PayloadError, match=rf"^{name} must be a text, not a .*HostileObject"):
        new_result(**{name: HostileObject()})


@pytest.mark.parametrize("name", NAMES)
def test_a_text_whose_methods_raise_is_the_text_that_it_holds(name: str) -> None:
    stored = getattr(new_result(**{name: Hostile("a")}), name)
    assert (type(stored), stored) == (str, "a")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("make", HOSTILE)
def test_a_value_whose_own_code_raises_is_named_by_its_path(
    place: str, make: Callable[[], Any]
) -> None:
    with pytest.raises(PayloadError, match=rf"^{place}\.a\[0\] is a .*: reading it raises \w+\. "):
        new_result(**{place: {"a": [make()]}})


@pytest.mark.parametrize("place", PLACES)
def test_what_is_handed_in_for_a_dictionary_and_raises_is_named(place: str) -> None:
    with pytest.raises(PayloadError, match=rf"^{place} is a .*HostileDict"):
        new_result(**{place: HostileDict(a=1)})
