"""The wall clock, and whether somebody set it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_TOLERANCE_S = 1.0  # more than clocks that are kept in step are corrected by between two looks


def utc_now() -> datetime:
    return datetime.now(UTC)


class ClockWatch:
    """Notices when the wall clock jumps: the monotonic one doesn't follow.

    A machine that slept shows as a jump ahead, where its monotonic clock stands still meanwhile.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._offset = wall() - monotonic()

    def jump(self) -> timedelta:
        """How far the clock was set since the last look; nothing for the drift of an ordinary clock."""
        before, self._offset = self._offset, self._wall() - self._monotonic()
        by = self._offset - before
        return timedelta(seconds=by) if abs(by) > _TOLERANCE_S else timedelta()
