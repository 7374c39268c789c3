"""The wall clock, and a watch that notices when somebody sets the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_TOLERANCE_S = 1.0  # NTP corrects a clock by less between two looks


def utc_now() -> datetime:
    return datetime.now(UTC)


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
