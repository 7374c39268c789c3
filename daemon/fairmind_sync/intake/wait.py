"""Waits for the deliveries of a result that was just saved, and tells what became of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fairmind_sync.outbox import delivery_lookup, heartbeat
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.results.states import DELIVERED, PENDING
from fairmind_sync.storage.engine import current_time, reading

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
    from fairmind_sync.outbox.saving import Saved
    from fairmind_sync.provider_names import ProviderName

POLL_SECONDS = 0.05


class DeliveryWait:
    """Looks at a result's deliveries to some providers, until there is no more sense in waiting.

    The caller pauses for `POLL_SECONDS` between two calls of `is_over`. `found` holds the deliveries as the
    last call found them.
    """

    def __init__(
        self, engine: Engine, saved: Saved, providers: Sequence[ProviderName], seconds: float
    ) -> None:
        self.found: list[DeliveryRecord] = []
        self._engine = engine
        self._wanted = delivery_lookup.RunFilter(result_id=saved.result_id)
        self._providers = providers
        self._deadline = time.monotonic() + seconds

    def is_over(self) -> bool:
        """Looks once; returns whether nothing is pending, the time is up, or no daemon is alive."""
        with reading(self._engine) as connection:
            found = delivery_lookup.deliveries(connection, self._wanted)
        self.found = [delivery for delivery in found if delivery.provider in self._providers]
        return (
            is_settled(self.found)
            or time.monotonic() >= self._deadline
            or not self._daemon_is_alive()
        )

    def _daemon_is_alive(self) -> bool:
        with reading(self._engine) as connection:
            return heartbeat.any_alive(connection, current_time(self._engine))


def is_settled(deliveries: Sequence[DeliveryRecord]) -> bool:
    return all(delivery.status != PENDING for delivery in deliveries)


def logging_status(deliveries: Sequence[DeliveryRecord]) -> dict[str, dict[str, Any]]:
    """Returns an entry for each provider, enabled or not: whether it holds the run, and which run."""
    status: dict[str, dict[str, Any]] = {
        provider: {"enabled": False, "success": False, "run_id": None, "url": None}
        for provider in PROVIDERS
    }
    return status | {delivery.provider: _entry(delivery) for delivery in deliveries}


def _entry(delivery: DeliveryRecord) -> dict[str, Any]:
    delivered = delivery.status == DELIVERED
    entry = {
        "enabled": True,
        "success": delivered,
        "status": delivery.status,
        "delivery_id": delivery.id,
        "run_id": delivery.run_id if delivered else None,
        "url": delivery.run_url,
    }
    return entry | ({"error": delivery.last_error} if delivery.last_error else {})
