"""The wall clock in UTC, durations as people write them (90d, 12h), and a watch that notices when somebody
sets the clock or the machine has slept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_TOLERANCE_S = 1.0  # NTP corrects a clock by less between two looks
_DURATION = re.compile(r"(\d{1,6})\s*([dhms])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def utc_now() -> datetime:
    return datetime.now(UTC)


def duration_of(text: str) -> timedelta | None:
    """Returns the duration that a number with its unit means, such as 90d, 12h, 30m or 45s; else None."""
    found = _DURATION.fullmatch(text.strip().lower())
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


class ClockWatch:
    """Notices when the wall clock jumps, as the monotonic clock doesn't.

    A machine that slept shows as a jump ahead, if its monotonic clock stands still during the sleep.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._offset = self._seen = wall() - monotonic()

    def jump(self) -> timedelta:
        """Returns how far the clock was set since `settle`; a second or less a call is drift."""
        self._seen = self._wall() - self._monotonic()
        by = self._seen - self._offset
        if abs(by) > _TOLERANCE_S:
            return timedelta(seconds=by)
        self.settle()
        return timedelta()

    def settle(self) -> None:
        """Has the jump that was returned last be over: what had to be done about it is done."""
        self._offset = self._seen
