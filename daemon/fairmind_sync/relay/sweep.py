"""The sweep: whether one is called for, and, in one process at a time, what a provider compares its runs with
and has repaired. It finds runs that no grace period can prevent.

A request may reach a server hours after we gave the request up, and a process that was stopped may wake up
after its lease. The run that results belongs to a delivery that is done, or given up: a provider's `sweep`
finds such runs. A sweep runs only after attempts that ended unclean, so an undisturbed daemon never asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import repairs, unclean_attempts
from fairmind_sync.storage.advisory_locks import try_advisory_lock
from fairmind_sync.storage.engine import current_time, reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from fairmind_sync.outbox.unclean_attempts import Standing
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.providers.base import Provider

INTERVAL = timedelta(minutes=10)
LONGEST = INTERVAL
"""A sweep that takes longer is hung: its worker is ended. What it put right so far stays right."""

log = get_logger()


def is_long(slept: timedelta) -> bool:
    """Returns whether a machine that has slept so long, or whose clock was set by so much, sweeps later."""
    return abs(slept) > INTERVAL / 2


def is_called_for(connection: Connection, provider: ProviderName, now: datetime) -> bool:
    """Returns whether an attempt may have left a run behind that no sweep could have found yet."""
    return bool(unclean_attempts.suspect_keys(connection, provider, now, limit=1))


def sweep(
    engine: Engine,
    provider: Provider,
    watch: Callable[[timedelta | None], None] = lambda _longest: None,
) -> None:
    """Has the provider compare its runs with what is recorded, unless another daemon sweeps now.

    `watch` is a watchdog's hook, as that of `Relay`.

    Raises:
        ProviderUnavailableError: the provider can't say now which runs it holds.
    """
    with try_advisory_lock(engine, f"sweep {provider.name}") as is_ours:
        if not is_ours:
            return
        began = current_time(engine)
        with reading(engine) as connection:
            suspects = unclean_attempts.suspect_keys(connection, provider.name, began)
        if suspects:
            watch(LONGEST)
            try:
                provider.sweep(suspects, _Ledger(engine, provider.name))
            finally:
                watch(None)
            _note_swept(engine, provider.name, began)
            log.info("sweep.done", provider=provider.name, suspects=len(suspects))


def _note_swept(engine: Engine, provider: ProviderName, began: datetime) -> None:
    """Records a sweep that began then; the clock may have been set back since."""
    with writing(engine) as connection:
        unclean_attempts.note_swept(connection, provider, min(began, current_time(engine)))


@dataclass(frozen=True, slots=True)
class _Ledger:
    """A `Ledger` on the outbox, for one provider's sweep."""

    engine: Engine
    provider: ProviderName

    def standing(self, key: str) -> Standing | None:
        with reading(self.engine) as connection:
            return unclean_attempts.standing(connection, self.provider, key)

    def deliver_again(self, key: str, reason: str) -> bool:
        with writing(self.engine) as connection:
            reopened = repairs.reopen(
                connection, self.provider, key, reason, current_time(self.engine)
            )
        if reopened:
            log.warning("delivery.reopened", provider=self.provider, key=key, reason=reason)
        return reopened

    def note_abandoned(self, key: str, run_id: str) -> bool:
        with writing(self.engine) as connection:
            return repairs.note_abandoned(connection, self.provider, key, run_id)

    def note_deleted(self, key: str) -> None:
        with writing(self.engine) as connection:
            is_new = repairs.note_deleted(connection, self.provider, key)
        if is_new:
            log.warning("run.deleted_by_somebody", provider=self.provider, key=key)
