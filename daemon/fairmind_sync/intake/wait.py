"""Waits for a just saved result's deliveries while that makes sense (a daemon is alive, its provider ready),
and reports run ids and URLs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fairmind_sync.few_threads import run_in
from fairmind_sync.outbox import delivery_lookup, heartbeat, provider_state
from fairmind_sync.provider_names import PROVIDERS, UNDECIDED
from fairmind_sync.results.states import DELIVERED, HANDED_OVER, PENDING
from fairmind_sync.storage.engine import current_time, reading

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
    from fairmind_sync.outbox.saving import Saved
    from fairmind_sync.provider_names import ProviderName

_SHORTEST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.5
_THREADS = 2
"""Threads that look for a process's waiting calls, so that a crowd of these leaves other work its threads."""


class DeliveryWait:
    """Looks at a result's deliveries to some providers, until there is no more sense in waiting.

    The caller pauses for `pause_s` seconds between two calls of `is_over`. `found` holds the deliveries as
    the last call found them.
    """

    def __init__(
        self, engine: Engine, saved: Saved, providers: Sequence[ProviderName], seconds: float
    ) -> None:
        self.found: list[DeliveryRecord] = []
        self._engine = engine
        self._wanted = delivery_lookup.RunFilter(result_id=saved.result_id)
        self._providers = providers
        self._begin = time.monotonic()
        self._seconds = seconds

    @property
    def pause_s(self) -> float:
        """Seconds until the next look: short at first, longer the longer the wait has taken."""
        return min(_LONGEST_PAUSE_S, max(_SHORTEST_PAUSE_S, self._waited_s / 20))

    def is_over(self) -> bool:
        """Looks once; returns whether the time is up, or nothing is pending that may come soon.

        What is pending may come soon while a daemon is alive and the delivery's provider takes deliveries: is
        neither offline nor blocked nor paused.
        """
        now = current_time(self._engine)
        with reading(self._engine) as connection:
            found = delivery_lookup.deliveries(connection, self._wanted)
            self.found = [delivery for delivery in found if delivery.provider in self._providers]
            return (
                self._waited_s >= self._seconds
                or not any(_may_come(connection, delivery) for delivery in self.found)
                or not heartbeat.any_alive(connection, now)
            )

    @property
    def _waited_s(self) -> float:
        return time.monotonic() - self._begin


async def wait_until_over(
    waiting: DeliveryWait, is_cut_short: Callable[[], bool] = lambda: False
) -> None:
    """Returns once the wait is over or cut short, after one look at least; the event loop runs on."""
    while not await run_in("wait", _THREADS, waiting.is_over) and not is_cut_short():  # noqa: ASYNC110 another process commits
        await asyncio.sleep(waiting.pause_s)


def _may_come(connection: Connection, delivery: DeliveryRecord) -> bool:
    if delivery.status != PENDING or delivery.provider == UNDECIDED:
        return False
    state = provider_state.read(connection, delivery.provider)
    return state.is_ready and not state.is_paused


def is_settled(deliveries: Sequence[DeliveryRecord]) -> bool:
    return all(delivery.status not in (PENDING, HANDED_OVER) for delivery in deliveries)


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
