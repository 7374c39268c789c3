"""Decides which drains start now, and when to look next: when a delivery or a provider's probe falls due."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fairmind_sync.daemon.machine import THIS_MACHINE, Machine
from fairmind_sync.errors import ProviderOfflineError
from fairmind_sync.outbox import owed_evidence, provider_state, workload
from fairmind_sync.relay import sweep
from fairmind_sync.relay.decision import decide
from fairmind_sync.relay.unavailable import note_unavailable
from fairmind_sync.relay.worker_count import processes_for
from fairmind_sync.storage.engine import current_time, reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from fairmind_sync.daemon.timers import Timers
    from fairmind_sync.daemon.worker_pool import WorkerPool
    from fairmind_sync.daemon.worker_slot import WorkerSlot
    from fairmind_sync.outbox.provider_state import ProviderState
    from fairmind_sync.settings import Settings

SHORTEST_WAIT = timedelta(seconds=0.2)


class Dispatcher:
    """Starts drains for what is due; starts nothing once `stopping` is set."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        pool: WorkerPool,
        timers: Timers,
        stopping: threading.Event,
        machine: Machine = THIS_MACHINE,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._pool = pool
        self._timers = timers
        self._stopping = stopping
        self._machine = machine

    def look(self) -> None:
        """Starts the drains that have something to do, and sets the timer for the next look."""
        with self._pool.lock:
            if self._stopping.is_set():
                return
            decide(self._engine, self._settings)
            for slot in self._pool:
                if slot.may_start(self._machine.now()):
                    self._look_at(slot, current_time(self._engine))
            self._set_timer(current_time(self._engine))

    def look_in(self, time: timedelta) -> None:
        """Looks after so long, instead of at an earlier or later time that was set before."""
        self._timers.once(time, self.look, "look-soon")

    def sweep(self) -> None:
        """Starts drains that sweep their provider, where attempts ended unclean.

        A provider that isn't ready is probed: nobody else may have a reason to.
        """
        with self._pool.lock:
            for slot in self._pool:
                free = slot.is_first and slot.may_start(self._machine.now())
                if free and not self._stopping.is_set():
                    self._sweep(slot, current_time(self._engine))

    def _sweep(self, slot: WorkerSlot, now: datetime) -> None:
        with reading(self._engine) as connection:
            state = provider_state.read(connection, slot.provider)
            if not sweep.is_called_for(connection, slot.provider, now):
                return
        self._drain_or_probe(slot, state, now, and_sweep=True)

    def _look_at(self, slot: WorkerSlot, now: datetime) -> None:
        with reading(self._engine) as connection:
            state = provider_state.read(connection, slot.provider)
            has_work = self._has_work(connection, slot, state, now)
            owes_evidence = self._owes_evidence(connection, slot, state, now)
        if not has_work and not owes_evidence:
            return
        self._drain_or_probe(slot, state, now, and_evidence=owes_evidence)

    def _drain_or_probe(
        self, slot: WorkerSlot, state: ProviderState, now: datetime, **wanted: bool
    ) -> None:
        """Starts the drain that is wanted; a provider that isn't ready is probed instead, if that is due."""
        if state.is_ready:
            self._pool.start_drain(slot, **wanted)
        elif state.may_try(now) and self._takes_probe(slot, now):
            self._probe(slot, state.address)

    def _has_work(
        self, connection: Connection, slot: WorkerSlot, state: ProviderState, now: datetime
    ) -> bool:
        """Returns whether a drain in this slot would find work; second slots are for large backlogs."""
        most = self._settings.max_in_flight
        if not state.may_try(now) or not workload.has_due(connection, slot.provider, now, most):
            return False
        if slot.is_first:
            return True
        pending = workload.pending(connection, slot.provider)
        return state.is_ready and slot.number <= processes_for(slot.provider, pending)

    def _owes_evidence(
        self, connection: Connection, slot: WorkerSlot, state: ProviderState, now: datetime
    ) -> bool:
        """Returns whether evidence of delivered runs may be tried now; the first slot does so."""
        return (
            self._settings.wants_evidence
            and slot.is_first
            and state.may_try(now)
            and owed_evidence.is_due(connection, slot.provider, now)
        )

    def _takes_probe(self, slot: WorkerSlot, now: datetime) -> bool:
        with writing(self._engine) as connection:
            return provider_state.take_probe(connection, slot.provider, now)

    def _probe(self, slot: WorkerSlot, address: str | None) -> None:
        """Probes the provider in a worker process; where an address failed before, first tries to connect."""
        if address is None:
            self._pool.start_drain(slot, probe_now=True)
            return
        slot.begin_connecting()
        arguments = {"slot": slot, "address": address}
        self._timers.at_once(self._connect, f"connect-{slot.provider}", arguments)

    def _connect(self, slot: WorkerSlot, address: str) -> None:
        """Tries to connect to an offline provider's address; only if that works, a worker process probes."""
        reason = self._machine.refusal(address)
        if reason is None:
            with self._pool.lock:
                slot.end_connecting()
                if not self._stopping.is_set():
                    self._pool.start_drain(slot, probe_now=True)
            return
        try:
            away = ProviderOfflineError(reason, address=address)
            note_unavailable(
                self._engine,
                slot.provider,
                away,
                self._machine.chance,
                current_time(self._engine),
            )
        finally:
            slot.end_connecting()
        self.look_in(timedelta())

    def _set_timer(self, now: datetime) -> None:
        """Sets the timer for the next due time, if that time comes before the slow poll."""
        with reading(self._engine) as connection:
            waits = [
                max(at - now, slot.not_before - self._machine.now())
                for slot in self._pool
                if slot.is_first
                and slot.is_free
                and (at := workload.next_work_at(connection, slot.provider)) is not None
            ]
        if waits and (shortest := min(waits)) < self._settings.poll_interval:
            self.look_in(max(shortest, SHORTEST_WAIT))
