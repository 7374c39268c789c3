"""When others' commits call for a look at what is due."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

TOGETHER_S = 0.2
"""Between two looks while a drain runs."""


@dataclass
class News:
    """At once; but while a drain runs, most commits are its own, so they call together, now and then.

    A drain claims on by itself, and its end is looked at: meanwhile, a look is only for the other providers.
    """

    clock: Callable[[], float] = time.monotonic
    _waits: bool = False
    _called_at: float = -math.inf

    def calls(self, *, has_changed: bool, is_draining: bool) -> bool:
        """Whether to look now. `has_changed`: there were commits since this was asked last."""
        self._waits = self._waits or has_changed
        is_early = is_draining and self.clock() - self._called_at < TOGETHER_S
        if is_early or not self._waits:
            return False
        self._waits, self._called_at = False, self.clock()
        return True
