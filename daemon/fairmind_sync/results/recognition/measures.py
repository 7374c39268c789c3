"""Reads one number and what stands beside it in its object: threshold, interval, count, passed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition import words


@dataclass(frozen=True, slots=True)
class Measure:
    """A number; `key` is where the number stands in its object, None where the number stands alone.

    `is_judged` where the object says something of the number: whether it passed, its threshold, interval or
    p-value.
    """

    value: float
    key: str | None = None
    count: int | None = None
    threshold: float | None = None
    passed: bool | None = None
    lower: float | None = None
    upper: float | None = None
    is_judged: bool = False

    def beside(self, key: str, entry: Mapping[str, Json]) -> Measure:
        """Returns the measure with the interval that stands beside it, as `tpr_ci` beside `tpr`."""
        if self.lower is not None:
            return self
        found = (entry.get(f"{key}_{word}") for word in words.INTERVALS)
        lower, upper = next((interval_in(one) for one in found if one is not None), (None, None))
        return replace(self, lower=lower, upper=upper)


def measure_in(value: Json | Mapping[str, Json]) -> Measure | None:
    """Returns the number that the value is, or holds as its own value; None if there is none."""
    if not isinstance(value, Mapping):
        number = as_number(value)
        return None if number is None else Measure(number)
    keys = {words.folded(key): key for key in value}
    for word in words.VALUES:
        key = keys.get(word)
        if key is not None and (number := as_number(value[key])) is not None:
            return _described(number, key, value)
    return None


def _described(number: float, key: str, entry: Mapping[str, Json]) -> Measure:
    lower, upper = interval_in(words.first_of(words.INTERVALS, entry))
    threshold = as_number(words.first_of(words.THRESHOLDS, entry))
    passed = words.passed_in(entry)
    is_judged = (passed, threshold, lower) != (None, None, None) or "p_value" in entry
    count = words.count_in(entry)
    return Measure(number, key, count, threshold, passed, lower, upper, is_judged)


def interval_in(value: Json) -> tuple[float | None, float | None]:
    """Returns the ends of an interval that is a pair, or an object with a lower and an upper end."""
    if isinstance(value, list) and len(value) == len(("lower", "upper")):
        ends = (as_number(value[0]), as_number(value[1]))
    elif isinstance(value, dict):
        ends = (
            as_number(words.first_of(words.LOWER, value)),
            as_number(words.first_of(words.UPPER, value)),
        )
    else:
        return None, None
    return ends if None not in ends else (None, None)


def as_number(value: Json) -> float | None:
    """Returns the value as a float; None if the value is no number. Integers beyond 1.8e308 are infinite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
