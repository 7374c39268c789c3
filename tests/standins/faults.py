"""What may go wrong on purpose, by kind of request."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Action = Literal[
    "status",
    "redirect",
    "delay",
    "drop_before",
    "drop_after",
    "half",
    "empty",
    "html",
    "late",
    "trickle",
    "graphql_error",
    "hang",
]


@dataclass
class Fault:
    """A rule: what happens to requests of a kind, after `skip` of them, at most `times` times.

    `status`, `redirect`, `graphql_error`, `drop_before` and `hang` do no work. `drop_after`, `half`, `empty`
    and `html` do it and lose or garble the reply; `late` replies after `seconds`, `trickle` sends a byte
    every `seconds`. `delay` waits `seconds`, then does as it should. The kind "any" is every request.
    """

    kind: str
    action: Action
    status: int = 503
    retry_after: float | None = None
    seconds: float = 0.0
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    _chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def strikes(self, kind: str) -> bool:
        if self.kind not in (kind, "any") or self.times == 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self._chance.random() >= self.probability:
            return False
        self.times = None if self.times is None else self.times - 1
        return True


class Faults:
    """The rules in force; the first that strikes decides. `struck` counts since they are."""

    def __init__(self) -> None:
        self.struck = 0
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def replace(self, rules: Iterable[Fault]) -> None:
        with self._lock:
            self._rules = list(rules)
            self.struck = 0

    def pick(self, kind: str) -> Fault | None:
        with self._lock:
            found = next((rule for rule in self._rules if rule.strikes(kind)), None)
            self.struck += found is not None
            return found
