"""Writes to the outbox, at once, what a provider must make durable in
mid-delivery: create attempted, run id, a longer lease.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fairmind_sync.errors import LeaseLostError
from fairmind_sync.outbox import outcomes
from fairmind_sync.storage.engine import writing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from fairmind_sync.results.delivery import Delivery


@dataclass(frozen=True, slots=True)
class OutboxJournal:
    """A `Journal` whose every entry is a transaction of its own on the outbox.

    `extend` gives the batch its whole time anew. `begun` gets the ids of deliveries of which a run may exist
    from this attempt on.
    """

    engine: Engine
    clock: Callable[[], datetime]
    lease: timedelta
    extend: Callable[[], None]
    begun: set[int] = field(default_factory=set)

    def creating(self, delivery: Delivery, destination: str) -> None:
        self.begun.add(delivery.id)
        with writing(self.engine) as connection:
            outcomes.note_creating(connection, delivery, destination, self.clock())

    def not_created(self, delivery: Delivery) -> None:
        with suppress(LeaseLostError), writing(self.engine) as connection:
            outcomes.note_not_created(connection, delivery)

    def created(self, delivery: Delivery, run_id: str) -> None:
        with writing(self.engine) as connection:
            outcomes.note_created(connection, delivery, run_id)
            self._extend_lease(connection, delivery)
        self.extend()

    def progressed(self, delivery: Delivery) -> None:
        with writing(self.engine) as connection:
            self._extend_lease(connection, delivery)
        self.extend()

    def _extend_lease(self, connection: Connection, delivery: Delivery) -> None:
        outcomes.extend_lease(connection, delivery, self.clock() + self.lease)
