"""Mean, minimum and maximum of a list of numbers, which a run holds in its place. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction


def aggregates(numbers: Sequence[float]) -> dict[str, float]:
    """Returns mean, minimum and maximum; one NaN makes all three NaN, as in numpy."""
    if any(math.isnan(number) for number in numbers):
        return dict.fromkeys(("mean", "min", "max"), math.nan)
    return {"mean": _mean(numbers), "min": min(numbers), "max": max(numbers)}


def _mean(numbers: Sequence[float]) -> float:
    """Returns a mean between minimum and maximum; by exact arithmetic where the sum would overflow."""
    if not all(math.isfinite(number) for number in numbers):
        return sum(numbers)
    try:
        mean = math.fsum(numbers) / len(numbers)
    except OverflowError:
        mean = float(sum(map(Fraction, numbers)) / len(numbers))
    return min(max(mean, min(numbers)), max(numbers))
