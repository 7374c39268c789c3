"""Measuring ways of the same work in turns, so that whatever else the machine does strikes all alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True)
class Row:
    """One line of a table: ours against theirs, both in `unit`, and the goal for their ratio.

    Without `theirs`, the goal is for `ours` itself. `is_at_most` tells whether to stay below the goal or to
    reach it. `note` says on how much work it was measured, or what limits it.
    """

    what: str
    against: str
    ours: float
    theirs: float | None
    unit: str
    goal: float
    is_at_most: bool = True
    note: str = ""

    @property
    def measured(self) -> float:
        """What is compared with the goal."""
        return self.ours if self.theirs is None else self.ours / self.theirs

    @property
    def is_reached(self) -> bool:
        return self.measured <= self.goal if self.is_at_most else self.measured >= self.goal


def seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


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
