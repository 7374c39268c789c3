"""Chooses which metrics of a model's results are shown over time, and collects their values and thresholds;
`trend_chart` draws them. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from fairmind_sync.api.pages.comparison import numbers_in
from fairmind_sync.results.recognition import words
from fairmind_sync.results.recognition.shapes import rows_in

if TYPE_CHECKING:
    from fairmind_sync.outbox.result_lookup import TrendPoint

MOST_LINES = 6
_SET = ("threshold", "thresholds", "lower", "upper")
"""Names of what a tester sets, or of what bounds a measured number."""


class Dot(NamedTuple):
    """A metric's value in one result; None where the result lacks the metric: the line has a gap there."""

    at: datetime
    value: float | None
    test_id: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A metric's values by time.

    `threshold` is the one that the newest result with this very metric states for it, if it states one.
    """

    name: str
    points: Sequence[Dot]
    threshold: float | None = None


class Limit(NamedTuple):
    """A threshold, and the names of the lines that share it."""

    value: float
    names: tuple[str, ...]

    @property
    def is_shared(self) -> bool:
        return len(self.names) > 1


def limits_of(lines: Iterable[Line]) -> list[Limit]:
    """Returns each threshold once, in the order of the lines."""
    found: dict[float, list[str]] = {}
    for line in lines:
        if line.threshold is not None:
            found.setdefault(line.threshold, []).append(line.name)
    return [Limit(value, tuple(names)) for value, names in found.items()]


def metrics_of(
    points: Iterable[TrendPoint], wanted: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Returns the metrics to show, and all that can be chosen: thresholds and flags of what passed are none.

    The metrics to show are the wanted ones; else those with a threshold first, then those that most results
    have. Rates, between -1 and 1, are shown without other numbers, since a count in the same chart would
    flatten the rates to one line.
    """
    counted: Counter[str] = Counter()
    beyond: set[str] = set()
    judged: set[str] = set()
    for point in points:
        found = numbers_in(point.results)
        counted.update(found.keys())
        beyond.update(name for name, value in found.items() if abs(value) > 1)
        judged.update(_thresholds(point, found))
    measured = Counter({name: count for name, count in counted.items() if _is_measured(name)})
    known = sorted(measured or counted)
    if there := [name for name in dict.fromkeys(wanted) if name in counted]:
        return there[:MOST_LINES], known
    rates = Counter({name: count for name, count in measured.items() if name not in beyond})
    chosen = rates or measured or counted
    first = sorted(chosen, key=lambda name: (name not in judged, -chosen[name], name))
    return sorted(first[:MOST_LINES]), known


def _is_measured(name: str) -> bool:
    last = words.folded(name.rpartition("/")[2])
    return not (last in _SET or words.is_judgement(last))


def lines_of(points: Sequence[TrendPoint], metrics: Sequence[str]) -> list[Line]:
    """Returns a line for each metric; the points come oldest first."""
    found = [(point, numbers_in(point.results)) for point in points]
    thresholds: dict[str, float] = {}
    for point, numbers in found:
        thresholds |= _thresholds(point, numbers)
    return [
        Line(
            name,
            [Dot(one.at, numbers.get(name), one.test_id, one.user_id) for one, numbers in found],
            thresholds.get(name),
        )
        for name in metrics
    ]


def _thresholds(point: TrendPoint, numbers: Mapping[str, float]) -> dict[str, float]:
    """Returns the thresholds that a result states for values of its own, by the names of the values."""
    rows = [row for row in rows_in(point.results, {}) if row.has_own_threshold]
    return {
        name: row.threshold
        for row in rows
        for name, value in numbers.items()
        if row.threshold is not None
        and row.value == value
        and words.folded(row.metric) in words.folded(name)
    }
