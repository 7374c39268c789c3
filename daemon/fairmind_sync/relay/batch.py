"""The deliveries of one batch, for a provider to take as it can start them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from fairmind_sync.errors import ProviderUnavailableError
from fairmind_sync.results.delivery import Delivery

START_TIME = timedelta(seconds=8)
"""A delivery of a batch starts no later: with a slow provider each takes up to 30 s."""
CLAIM_TIME = START_TIME / 2
"""A delivery joins a batch no later."""


class LeasedBatch:
    """Claimed deliveries without an outcome. While they are taken, others are claimed to join them.

    All have leases at least as long as those of the first, so the time of the whole batch is counted from
    these. `waiting` holds the deliveries that nobody has taken, the next one last; `taken` those that the
    provider works on.
    """

    def __init__(
        self,
        first: list[Delivery],
        claim_more: Callable[[], list[Delivery]],
        should_stop: Callable[[], bool],
        clock: Callable[[], datetime],
    ) -> None:
        self.waiting = first[::-1]
        self.taken: dict[int, Delivery] = {}
        self.stopped_by: ProviderUnavailableError | None = None
        self._claim_more = claim_more
        self._should_stop = should_stop
        self._clock = clock
        self._started = clock()

    def __iter__(self) -> Iterator[Delivery]:
        while self.waiting or self._is_joined():
            delivery = self.waiting.pop()
            self.taken[delivery.id] = delivery
            yield delivery

    def may_start(self) -> bool:
        """Returns whether another delivery may be started now."""
        return self.stopped_by is None and not self._should_stop() and self._is_within(START_TIME)

    def stop(self, error: ProviderUnavailableError) -> None:
        """Starts nothing more: the provider is unavailable."""
        self.stopped_by = self.stopped_by or error

    def settle(self, delivery: Delivery) -> None:
        """Drops a delivery whose outcome is recorded."""
        del self.taken[delivery.id]

    def keep_all(self) -> None:
        """Leaves all deliveries leased, until their leases run out."""
        self.taken.clear()
        self.waiting.clear()

    def _is_joined(self) -> bool:
        """Claims others, if they can surely start in time: the rest would be claimed in vain."""
        if self._is_within(CLAIM_TIME):
            self.waiting = self._claim_more()[::-1]
        return bool(self.waiting)

    def _is_within(self, limit: timedelta) -> bool:
        """A clock that was set back shows as negative time: this batch ends, the next has its own leases."""
        return timedelta() <= self._clock() - self._started < limit
