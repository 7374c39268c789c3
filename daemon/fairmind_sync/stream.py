"""The deliveries of one batch, for a provider to take as it can start them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fairmind_sync.delivery import Delivery

START_TIME = timedelta(seconds=8)
"""In a batch, a delivery starts no later: with a slow provider each takes up to 30 s."""
CLAIM_TIME = START_TIME / 2
"""In a batch, none is added later."""


@dataclass
class Stream:
    """Claimed deliveries; while they are taken, `claim_more` is asked for others, for a while.

    `waiting` holds those that nobody has taken, the next one last; `taken` those without an outcome yet. All
    have leases at least as long as those of the first, so the time of the whole stream is counted from these.
    """

    waiting: list[Delivery]
    claim_more: Callable[[], list[Delivery]]
    clock: Callable[[], datetime]
    taken: dict[int, Delivery] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.waiting = self.waiting[::-1]
        self._started = self.clock()

    def __iter__(self) -> Iterator[Delivery]:
        while self.waiting or self._is_joined():
            delivery = self.waiting.pop()
            self.taken[delivery.id] = delivery
            yield delivery

    def may_start(self) -> bool:
        return self._is_within(START_TIME)

    def keep_all(self) -> None:
        """Nothing is to be given back: the leases run out."""
        self.taken.clear()
        self.waiting.clear()

    def _is_joined(self) -> bool:
        """Only by what can surely start in time: the rest would be claimed in vain."""
        if self._is_within(CLAIM_TIME):
            self.waiting = self.claim_more()[::-1]
        return bool(self.waiting)

    def _is_within(self, limit: timedelta) -> bool:
        """A clock that was set back shows as negative time: this stream ends, the next has its own leases."""
        return timedelta() <= self.clock() - self._started < limit
