"""The claimed deliveries of one batch: in which order a provider takes them, how long more may join or be
started, and which have no outcome yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from fairmind_sync.errors import ProviderUnavailableError
from fairmind_sync.results.delivery import Delivery

START_TIME = timedelta(seconds=8)
"""After so long a batch starts no more deliveries: with a slow provider each takes up to 30 s."""
CLAIM_TIME = START_TIME / 2
"""After so long no more deliveries join a batch."""


class LeasedBatch:
    """Claimed deliveries without an outcome; while a provider takes them, others are claimed to join them.

    The first deliveries' leases run out first, so the time of the whole batch counts from the first claim.
    `waiting` holds the deliveries that the provider has not taken, the next one last; `taken` holds, by id,
    those that the provider works on, and `begun` the ids of those of which it may have made a run.
    `stopped_by` is why nothing more may be started.
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
        self.begun: set[int] = set()
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
        """Has nothing more started, because the provider is unavailable; the first reason is kept."""
        self.stopped_by = self.stopped_by or error

    def is_settled(self) -> bool:
        """Returns whether each delivery has an outcome that is recorded."""
        return not self.waiting and not self.taken

    def settle(self, delivery: Delivery) -> None:
        """Drops a delivery whose outcome is recorded."""
        del self.taken[delivery.id]

    def keep_begun(self) -> None:
        """Forgets what was begun and has no outcome without giving it back: it stays leased, and counted."""
        self.taken = {id_: one for id_, one in self.taken.items() if id_ not in self.begun}

    def keep_all(self) -> None:
        """Forgets all deliveries without giving them back: each stays leased until its lease runs out."""
        self.taken.clear()
        self.waiting.clear()

    def _is_joined(self) -> bool:
        """Claims further deliveries while they can surely start in time; returns whether any joined."""
        if self._is_within(CLAIM_TIME):
            self.waiting = self._claim_more()[::-1]
        return bool(self.waiting)

    def _is_within(self, limit: timedelta) -> bool:
        """Returns whether the batch began less than `limit` ago; not if the clock was set back since."""
        return timedelta() <= self._clock() - self._started < limit
