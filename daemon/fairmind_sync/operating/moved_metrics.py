"""Finds the metric that came nearer to its threshold, or went further beyond it, most of all. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from fairmind_sync.evidence.number_format import number
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition.directions import how_far_beyond
from fairmind_sync.results.recognition.rows import Row
from fairmind_sync.results.recognition.shapes import rows_in

ENOUGH = 0.05
"""By this share of its threshold a metric has to move; less is about the same."""


@dataclass(frozen=True, slots=True)
class MovedMetric:
    """A metric's median value before and now; `direction` is 1 for better, -1 for worse."""

    name: str
    before: float
    now: float
    direction: int

    @property
    def words(self) -> str:
        return f"{self.name} {number(self.before)} -> {number(self.now)}"


class _Judged(NamedTuple):
    value: float
    beyond: float
    """How far the value is beyond its threshold, as a share of the threshold; 0 where it is not."""


def moved_most(
    newest: Sequence[Mapping[str, Json]], before: Sequence[Mapping[str, Json]]
) -> MovedMetric | None:
    """Returns the metric whose median distance beyond its threshold changed most, if one changed enough."""
    now, then = _judged_in(newest), _judged_in(before)
    changes = {
        name: _median_beyond(then[name]) - _median_beyond(now[name]) for name in now if name in then
    }
    most = max(changes, key=lambda name: abs(changes[name]), default=None)
    if most is None or abs(changes[most]) < ENOUGH:
        return None
    direction = 1 if changes[most] > 0 else -1
    return MovedMetric(most, _median_value(then[most]), _median_value(now[most]), direction)


def _judged_in(results: Iterable[Mapping[str, Json]]) -> dict[str, list[_Judged]]:
    """Returns the values that have a threshold, by name."""
    found: dict[str, list[_Judged]] = defaultdict(list)
    for one in results:
        for row in rows_in(one, {}):
            if row.threshold is not None and (row.has_own_threshold or row.passed is not None):
                found[_name(row)].append(_Judged(row.value, _beyond(row, row.threshold)))
    return found


def _beyond(row: Row, threshold: float) -> float:
    """Returns the distance; what the result says of passed and failed counts more than the metric's name."""
    far = how_far_beyond(row.metric, row.value, threshold)
    if row.passed is not None:
        far = 0.0 if row.passed else far or abs(row.value - threshold)
    return far / (abs(threshold) or 1.0)


def _median_value(judged: Iterable[_Judged]) -> float:
    return median(one.value for one in judged)


def _median_beyond(judged: Iterable[_Judged]) -> float:
    return median(one.beyond for one in judged)


def _name(row: Row) -> str:
    return row.metric if row.group is None else f"{row.metric} of {row.group}"
