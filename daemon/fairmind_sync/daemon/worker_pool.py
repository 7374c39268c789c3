"""All slots of workers together: starts drains in them, ends workers that are idle for long, frees slots of
workers that died, and ends their leases.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from fairmind_sync.daemon.machine import THIS_MACHINE, Machine
from fairmind_sync.daemon.worker_slot import SlotState, WorkerSlot, slots_of
from fairmind_sync.errors import StorageError
from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import repairs
from fairmind_sync.relay import sweep, worker
from fairmind_sync.storage.engine import current_time, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.daemon.timers import Timers
    from fairmind_sync.settings import Settings

_TEND_INTERVAL_S = 1.0

log = get_logger()


class WorkerPool:
    """The slots, by name; the caller of `start_drain` holds `lock`."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        timers: Timers,
        machine: Machine = THIS_MACHINE,
    ) -> None:
        self.lock = machine.lock()
        self._engine = engine
        self._settings = settings
        self._timers = timers
        self._machine = machine
        self._slots = {slot.name: slot for slot in slots_of(settings, machine)}
        self._tended_at = -math.inf

    def __iter__(self) -> Iterator[WorkerSlot]:
        return iter(self._slots.values())

    def get(self, name: str) -> WorkerSlot | None:
        return self._slots.get(name)

    @property
    def is_warm(self) -> bool:
        """Whether a slot has a process, at work or kept for the next drain."""
        return any(slot.executor for slot in self)

    @property
    def is_draining(self) -> bool:
        return any(slot.state is SlotState.DRAINING for slot in self)

    def start_drain(
        self,
        slot: WorkerSlot,
        *,
        probe_now: bool = False,
        and_sweep: bool = False,
        and_evidence: bool = False,
    ) -> None:
        """Starts a drain in the slot's process; the process itself starts if there is none."""
        if slot.is_broken:  # APScheduler may have lost count of its jobs in this executor
            self._clear(slot)
        if slot.executor is None:
            self._timers.add_executor(slot.fill(), slot.name)
        slot.begin_drain()
        arguments = {
            "name": slot.provider,
            "settings": self._settings,
            "probe_now": probe_now,
            "and_sweep": and_sweep or slot.owes_sweep,
            "and_evidence": and_evidence,
            "longest": sweep.INTERVAL,  # a sweep may wait for the drain's end
            "parent": slot.parent,
        }
        slot.owes_sweep = False
        self._timers.at_once(worker.drain, slot.name, arguments, executor=slot.name)

    def drain_ended(self, slot: WorkerSlot, *, failed: bool) -> None:
        """Frees the slot; ends the leases of a process that died, so that nobody waits for these."""
        slot.end_drain(failed=failed, now=self._machine.now())
        dead = slot.dead_worker() if failed else None
        if dead is not None:
            with suppress(StorageError), writing(self._engine) as connection:  # else they run out
                repairs.end_leases(
                    connection,
                    slot.provider,
                    dead,
                    chance=self._machine.chance,
                    now=current_time(self._engine),
                )

    def tend_now_and_then(self) -> None:
        """Calls `tend` once a second, if there is a process; made to be called far more often."""
        now = self._machine.steady()
        if self.is_warm and now - self._tended_at >= _TEND_INTERVAL_S:
            self._tended_at = now
            self.tend()

    def tend(self) -> None:
        """Ends processes that were idle for long, and frees the slots of processes that died in a drain."""
        with self.lock:
            for slot in self:
                if slot.has_lost_its_process():
                    log.error("worker.lost", job=slot.name)
                    self.drain_ended(slot, failed=True)
                elif slot.is_idle_for(self._settings.worker_idle_seconds):
                    self._clear(slot)

    def ask_to_stop(self) -> None:
        """Asks all processes to finish what each has begun and to begin nothing more."""
        for slot in self:
            slot.ask_to_stop()

    def end(self) -> None:
        """Waits for the processes for as long as the grace period, and kills those that don't end in time."""
        self._machine.processes.end(self._settings.shutdown_seconds)

    def _clear(self, slot: WorkerSlot) -> None:
        self._timers.remove_executor(slot.name)
        slot.empty()
