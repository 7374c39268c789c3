"""Compares the numbers of several results in a table: of a test's revisions, or of models' newest results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairmind_sync.evidence.number_format import number
from fairmind_sync.results.metric_names import numbers_by_name
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition import words

MOST_NUMBERS = 300


@dataclass(frozen=True, slots=True)
class ComparedNumber:
    """A number by its name in each of the results; None where a result lacks it."""

    name: str
    values: tuple[float | None, ...]

    @property
    def differs(self) -> bool:
        return len({*self.values}) > 1

    @property
    def change(self) -> float | None:
        """The last value less the first one; None where one of them is missing, or says yes or no."""
        first, last = self.values[0], self.values[-1]
        return None if first is None or last is None or self.is_answer else last - first

    @property
    def is_answer(self) -> bool:
        """Whether the values say whether something passed, by 1 and 0."""
        last = words.folded(self.name.rpartition("/")[2])
        return words.is_judgement(last) and {*self.values} <= {0, 1, None}

    @property
    def texts(self) -> tuple[str, ...]:
        """The values in words: "-" where one is missing."""
        said = _yes_or_no if self.is_answer else number
        return tuple("-" if value is None else said(value) for value in self.values)


def _yes_or_no(value: float) -> str:
    return "yes" if value else "no"


def numbers_in(results: Mapping[str, Json]) -> dict[str, float]:
    """Returns the result's finite numbers by joined name; others can't be drawn."""
    found = numbers_by_name(results, {}).by_name
    return {"/".join(path): value for path, value in found.items() if math.isfinite(value)}


def compared(results: Sequence[Mapping[str, Json]]) -> list[ComparedNumber]:
    """Returns the numbers of all results, in the order in which they come; at most `MOST_NUMBERS`."""
    found = [numbers_in(one) for one in results]
    names = dict.fromkeys(name for one in found for name in one)
    return [
        ComparedNumber(name, tuple(one.get(name) for one in found))
        for name in [*names][:MOST_NUMBERS]
    ]
