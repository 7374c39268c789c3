"""Debounces commits: how soon a commit leads to a look at what is due, while a drain makes many."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

TOGETHER_S = 0.2
"""Seconds between two looks for due work while a drain runs."""


@dataclass
class Debounce:
    """Lets a commit call for a look at once, but while a drain runs at most once in `TOGETHER_S`.

    While a drain runs, most commits are the drain's own. A drain claims more by itself, and its end calls for
    a look too, so a look during a drain only serves the other providers.
    """

    clock: Callable[[], float] = time.monotonic
    _waits: bool = False
    _called_at: float = -math.inf

    def calls(self, *, has_changed: bool, is_draining: bool) -> bool:
        """Returns whether to look now; `has_changed` tells of commits since the last call."""
        self._waits = self._waits or has_changed
        is_early = is_draining and self.clock() - self._called_at < TOGETHER_S
        if is_early or not self._waits:
            return False
        self._waits, self._called_at = False, self.clock()
        return True
