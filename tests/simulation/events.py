"""What can happen in a run: steps of people and of the world at a time, and faults at a touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from tests.simulation.faults import Fault

MINUTE, HOUR = 60.0, 3600.0
BURST = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class Step:
    """At `at` seconds, `what` happens on the host; `who` and `amount` are what `what` takes."""

    at: float
    what: str
    who: str = ""
    amount: float = 0.0
    host: int = 0

    def __str__(self) -> str:
        amount = f"{self.amount:g}" if self.amount else ""
        host = f"on host {self.host}" if self.host else ""
        return " ".join(filter(None, (self.what, self.who, amount, host, f"at {self.at:.1f} s")))


Planned: TypeAlias = Step | Fault


@dataclass(frozen=True, slots=True)
class Times:
    """Draws times in bursts, most of them close together."""

    chance: Random
    bursts: Sequence[float]

    def __call__(self) -> float:
        near = self.chance.random() < 0.7
        return self.chance.choice(self.bursts) + self.chance.uniform(0, 90 if near else BURST)
