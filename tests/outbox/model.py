"""What the model of the outbox knows of each delivery, and what each worker holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from fairmind_sync.results.delivery import Delivery
from tests.support.clock import NOW


@dataclass
class Row:
    """What the model expects of one delivery."""

    status: str = "pending"
    attempts: int = 0
    due_at: datetime = NOW
    token: str | None = None
    lease_until: datetime | None = None
    run_id: str | None = None

    def is_claimable(self, now: datetime) -> bool:
        free = self.lease_until is None or self.lease_until <= now
        return self.status == "pending" and self.due_at <= now and free

    def give_back(self) -> None:
        self.token = self.lease_until = None


@dataclass
class Held:
    """A delivery in the hands of a worker, who may have lost its lease without knowing."""

    delivery: Delivery
    steps: list[str] = field(default_factory=list)
