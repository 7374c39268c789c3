"""Debounces the commits that call for a look at what is due."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

TOGETHER_S = 0.2
"""Seconds between two looks while a drain runs."""


@dataclass
class Debounce:
    """Calls at once; but while a drain runs, commits call together, at most every `TOGETHER_S`.

    Most commits are the drain's own then. A drain claims on by itself, and its end is looked at, so a look
    meanwhile is only for the other providers.
    """

    clock: Callable[[], float] = time.monotonic
    _waits: bool = False
    _called_at: float = -math.inf

    def calls(self, *, has_changed: bool, is_draining: bool) -> bool:
        """Returns whether to look now; `has_changed`: there were commits since the last question."""
        self._waits = self._waits or has_changed
        is_early = is_draining and self.clock() - self._called_at < TOGETHER_S
        if is_early or not self._waits:
            return False
        self._waits, self._called_at = False, self.clock()
        return True
