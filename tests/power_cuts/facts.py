"""What several processes told, each into its own file: what may be there, and what must be.

There is no order of all their steps, so each step is told as facts: before it what it may lead to, after it
what is acknowledged. A fact holds for good: no step of a story undoes what another one did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

Fact: TypeAlias = tuple[str, int]
"""What was done, and the number of a result, a delivery or a backup to which it was done."""
SAVED, ERASED, CLAIMED, BACKUP = "saved", "erased", "claimed", "backup"
DELIVERED, DEAD = "delivered", "dead"


@dataclass(frozen=True, slots=True)
class Facts:
    """`before` holds what was acknowledged when a backup was begun."""

    possible: frozenset[Fact] = frozenset()
    certain: frozenset[Fact] = frozenset()
    before: Mapping[int, frozenset[Fact]] = field(default_factory=dict)

    def after(self, told: Mapping[str, Any]) -> Facts:
        if "begun" in told:
            begun = _facts(told["begun"])
            before = dict.fromkeys(numbers_of(begun, BACKUP), self.certain)
            return replace(self, possible=self.possible | begun, before={**self.before, **before})
        certain = _facts(told["acknowledged"])
        return replace(self, possible=self.possible | certain, certain=self.certain | certain)

    @property
    def saved(self) -> frozenset[int]:
        return numbers_of(self.certain, SAVED)

    @property
    def gone(self) -> frozenset[int]:
        return numbers_of(self.certain, ERASED)

    @property
    def done(self) -> frozenset[Fact]:
        return self.certain


def _facts(told: Iterable[Sequence[Any]]) -> frozenset[Fact]:
    return frozenset((what, number) for what, number in told)


def numbers_of(facts: Iterable[Fact], wanted: str) -> frozenset[int]:
    return frozenset(number for what, number in facts if what == wanted)
