"""Measuring two ways of the same work in turns, so that whatever else the machine does strikes both alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True)
class Row:
    """One line of a table: ours against theirs, and the goal for the ratio.

    `is_at_most` tells whether the ratio should stay below its goal or reach it.
    """

    what: str
    ours: float
    theirs: float
    unit: str
    goal: float
    is_at_most: bool = True

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    @property
    def is_reached(self) -> bool:
        return self.ratio <= self.goal if self.is_at_most else self.ratio >= self.goal


def in_turns(rounds: int, *ways: Callable[[int], object]) -> list[list[float]]:
    """The seconds of each call of each way, which take turns; each is called with the round's number."""
    seconds: list[list[float]] = [[] for _ in ways]
    for number in range(rounds):
        for way, taken in zip(ways, seconds, strict=True):
            began = time.perf_counter()
            way(number)
            taken.append(time.perf_counter() - began)
    return seconds


def p50(seconds: list[float]) -> float:
    return median(seconds)


def p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[-1]
