"""Looks at what is due, and starts drains and probes for it (first a mere connection to an offline provider);
sets the timer for the next look.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from fairmind_sync.daemon.machine import THIS_MACHINE, Machine
from fairmind_sync.outbox import owed_evidence, provider_state, workload
from fairmind_sync.provider_names import UNDECIDED
from fairmind_sync.providers import folder
from fairmind_sync.relay import sweep
from fairmind_sync.relay.decision import decide
from fairmind_sync.relay.unavailable import note_unavailable
from fairmind_sync.relay.worker_count import processes_for
from fairmind_sync.results.states import OFFLINE
from fairmind_sync.storage.engine import current_time, reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.daemon.timers import Timers
    from fairmind_sync.daemon.worker_pool import WorkerPool
    from fairmind_sync.daemon.worker_slot import WorkerSlot
    from fairmind_sync.outbox.provider_state import ProviderState
    from fairmind_sync.outbox.workload import Workload
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.settings import Settings

SHORTEST_WAIT = timedelta(seconds=0.2)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a look finds: what waits for each provider, and who of them may be tried for missing evidence."""

    workloads: dict[str, Workload]
    owing_evidence: list[ProviderName]

    @property
    def has_undecided(self) -> bool:
        return self.workloads[UNDECIDED].first_at is not None


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
        self._awake_since = machine.steady()
        self._clock_watch = machine.clock_watch()

    def look(self) -> None:
        """Starts the drains that have something to do, and sets the timer for the next look."""
        with self._pool.lock:
            if self._stopping.is_set():
                return
            found = self._find()
            if found.has_undecided and decide(self._engine, self._settings):
                found = self._find()
            for slot in self._pool:
                if slot.may_start(self._machine.now()):
                    self._look_at(slot, found, current_time(self._engine))
            self._set_timer(found, current_time(self._engine))

    def look_in(self, time: timedelta) -> None:
        """Looks after so long, instead of at an earlier or later time that was set before."""
        self._timers.once(time, self.look, "look-soon")

    def sweep(self) -> None:
        """Starts drains that sweep their provider, where attempts ended unclean.

        A provider that is out of reach is probed, whatever waits for it: nobody else may have a reason to.
        """
        is_regular = self._is_an_interval_later()
        with self._pool.lock:
            for slot in self._pool:
                if slot.is_first and not self._stopping.is_set():
                    self._sweep_or_owe(slot, current_time(self._engine), is_regular=is_regular)

    def _is_an_interval_later(self) -> bool:
        """Returns whether the machine was awake for about an interval since the last time, as for a sweep.

        Where it has slept, this process stood still, or the clock was set far, the interval begins anew: who
        stood still within a create goes on first, and the sweep finds what that makes.
        """
        now = self._machine.steady()
        awake = timedelta(seconds=now - self._awake_since)
        has_slept = sweep.is_long(self._clock_watch.jump())
        stood_still = awake > sweep.INTERVAL * 3 / 2
        is_later = awake >= sweep.INTERVAL / 2
        if is_later or has_slept:
            self._awake_since = now
            self._clock_watch.settle()
        return is_later and not stood_still and not has_slept

    def _sweep_or_owe(self, slot: WorkerSlot, now: datetime, *, is_regular: bool) -> None:
        if slot.may_start(self._machine.now()):
            self._sweep(slot, now, is_regular=is_regular)
        elif is_regular:
            slot.owes_sweep = True

    def _sweep(self, slot: WorkerSlot, now: datetime, *, is_regular: bool) -> None:
        with reading(self._engine) as connection:
            state = provider_state.read(connection, slot.provider)
            if state.is_paused:
                return
            is_called_for = is_regular and sweep.is_called_for(connection, slot.provider, now)
        if is_called_for or state.state == OFFLINE:
            self._drain_or_probe(slot, state, now, and_sweep=is_called_for)

    def _find(self) -> _Found:
        """Reads once what a whole look goes by; what is committed meanwhile calls for another look."""
        now = current_time(self._engine)
        with reading(self._engine) as connection:
            workloads = workload.read_all(connection)
            owing = [
                name
                for name in self._settings.enabled
                if self._settings.wants_evidence
                and workloads[name].state.may_try(now)
                and owed_evidence.is_due(connection, name, now)
            ]
        return _Found(workloads, owing)

    def _look_at(self, slot: WorkerSlot, found: _Found, now: datetime) -> None:
        """Starts what is found to be due; missing evidence is the first slot's."""
        waiting = found.workloads[slot.provider]
        and_evidence = slot.is_first and slot.provider in found.owing_evidence
        if and_evidence or self._has_work(slot, waiting, now):
            self._drain_or_probe(slot, waiting.state, now, and_evidence=and_evidence)

    def _drain_or_probe(
        self, slot: WorkerSlot, state: ProviderState, now: datetime, **wanted: bool
    ) -> None:
        """Starts the drain that is wanted; a provider that isn't ready is probed instead, if that is due."""
        if state.is_ready:
            self._pool.start_drain(slot, **wanted)
        elif state.may_try(now) and self._takes_probe(slot):
            self._probe(slot, state.address)

    def _has_work(self, slot: WorkerSlot, waiting: Workload, now: datetime) -> bool:
        """Returns whether a drain in this slot would find work; second slots are for large backlogs."""
        if not waiting.has_any(now, self._settings.max_in_flight):
            return False
        if slot.is_first or not waiting.state.is_ready:
            return slot.is_first
        with reading(self._engine) as connection:
            pending = workload.pending(connection, slot.provider)
        return slot.number <= processes_for(slot.provider, pending)

    def _takes_probe(self, slot: WorkerSlot) -> bool:
        with writing(self._engine) as connection:
            now = current_time(self._engine)
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
            away = folder(slot.provider).unreachable(address, reason)
            note_unavailable(
                self._engine,
                slot.provider,
                away,
                self._machine.chance,
                partial(current_time, self._engine),
            )
        finally:
            slot.end_connecting()
        self.look_in(timedelta())

    def _set_timer(self, found: _Found, now: datetime) -> None:
        """Sets the timer for the next due time, if that time comes before the slow poll.

        The timer has a name of its own: a look that somebody called for meanwhile is not put off.
        """
        waits = [
            max(at - now, slot.not_before - self._machine.now())
            for slot in self._pool
            if slot.is_first
            and slot.is_free
            and (at := found.workloads[slot.provider].next_at) is not None
        ]
        if waits and (shortest := min(waits)) < self._settings.poll_interval:
            self._timers.once(max(shortest, SHORTEST_WAIT), self.look, "look-when-due")
