"""The wall clock, durations as people write them, and a watch that notices when somebody sets the clock."""

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
        self._offset = wall() - monotonic()

    def jump(self) -> timedelta:
        """Returns how far the clock was set since the last call; zero for up to a second, which is drift."""
        before, self._offset = self._offset, self._wall() - self._monotonic()
        by = self._offset - before
        return timedelta(seconds=by) if abs(by) > _TOLERANCE_S else timedelta()
