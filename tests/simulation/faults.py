"""Faults: at which touch of the world something goes wrong, and how.

A touch is a moment at which a process meets something beyond itself: its turn to write, a commit, a request.
Touches are counted by their name, so that a fault always strikes the same touch of the same run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

TURN, COMMIT, COMMITTED = "turn", "commit", "committed"
"""Before a process asks for its turn to write; before its commit; after its commit."""
FULL = "full"
"""The disk has no room for this commit."""
OUTAGE = "outage"
"""The service goes away with this request on its way, for so long."""
ANSWERS = ("429", "503", "500")
"""Of a service that is busy or broken; any other HTTP status may be the effect of a fault, too."""


@dataclass(frozen=True, slots=True)
class Fault:
    """At the touch `at` for the `nth` time, `effect` happens; `seconds` is for how long, or how late."""

    at: str
    nth: int
    effect: str
    seconds: float = 0.0

    def __str__(self) -> str:
        how_long = f" {self.seconds:.0f} s" if self.seconds else ""
        return f"{self.effect}{how_long} at {self.at} no. {self.nth}"


class Faults:
    """The faults of a run, each struck once; `struck` tells which were."""

    def __init__(self, planned: Iterable[Fault]) -> None:
        self._planned = {(one.at, one.nth): one for one in planned}
        self._touches: Counter[str] = Counter()
        self.struck: list[Fault] = []
        self.are_over = False

    def at(self, *names: str) -> Fault | None:
        """Counts a touch under each of its names; returns the fault that strikes it, if there is one."""
        found = None
        for name in names:
            self._touches[name] += 1
            found = found or self._planned.get((name, self._touches[name]))
        if found is None or self.are_over:
            return None
        self.struck.append(found)
        return found
