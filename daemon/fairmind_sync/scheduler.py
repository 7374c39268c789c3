"""When drains run: at once on a commit, when a delivery or a probe falls due, and on a slow poll.

APScheduler is the timer; all truth is in the outbox, so its job store is memory. Each provider's drain runs
in that provider's own worker process, which is started when there is something due and ended when idle; a
large backlog may get a second one.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import wait as wait_until_ready
from random import Random
from typing import TYPE_CHECKING

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from fairmind_sync import (
    deletion,
    heartbeat,
    lookup,
    maintenance,
    provider_state,
    pruning,
    reachability,
    repairs,
    saving,
    sweep,
    tally,
    worker,
)
from fairmind_sync.backoff import LONGEST_DELAY
from fairmind_sync.clock import ClockWatch, utc_now
from fairmind_sync.database import CommitWatch, is_file, only_one, reading, writing
from fairmind_sync.database import now as database_now
from fairmind_sync.errors import StorageError
from fairmind_sync.news import News
from fairmind_sync.providers.base import ProviderOfflineError
from fairmind_sync.relay import LEASE, note_unavailable
from fairmind_sync.worker_slot import WorkerSlot, processes_for, slots_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.settings import Settings

WATCH_INTERVAL_S = 0.2
"""Each look costs 0.2 ms for waking up, which shows while a daemon is idle; a worker starts slower."""
WATCH_INTERVAL_WHILE_WARM_S = 0.02
"""While a worker process is kept warm for what may come."""
_PAUSE_AFTER_ERROR_S = 5.0
_TEND_INTERVAL_S = 1.0

log = structlog.get_logger()


class Scheduler:
    """The daemon's timers. `start` returns at once; `stop` returns when all is ended.

    `on_beat` is called after each heartbeat that reached the database: timers and database work, then.
    """

    def __init__(
        self, engine: Engine, settings: Settings, on_beat: Callable[[], None] = lambda: None
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._on_beat = on_beat
        self._heart = heartbeat.Heart()
        self._stopping = threading.Event()
        self._looking = threading.Lock()
        self._slots = {slot.name: slot for slot in slots_of(settings)}
        self._timer = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None}
        )
        self._regular: list[Job] = []
        self._tended_at = 0.0
        self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)

    def start(self) -> None:
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # our own events say it
        now = self._now()
        with writing(self._engine) as connection:
            self._heart.start(connection, now)
            provider_state.probe_soon(connection, now)
            repairs.correct_times(connection, longest_wait=LONGEST_DELAY, lease=LEASE, now=now)
        self._timer.add_listener(self._on_job_ended, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        self._every(heartbeat.INTERVAL, self._beat)
        self._every(self._settings.poll_interval, self.look)
        self._every(timedelta(minutes=1), self._tidy)
        self._every(sweep.INTERVAL, self._sweep)
        if self._settings.retention is not None:
            self._every(pruning.interval(self._settings.retention), self._prune)
        self._timer.start()
        self._watcher.start()
        self.look()

    def stop(self) -> None:
        """Lets running drains finish what they have begun, for as long as the grace period."""
        self._stopping.set()
        self._watcher.join()
        for slot in self._slots.values():
            slot.ask_to_stop()
        self._timer.shutdown(wait=False)
        _end_children(self._settings.shutdown_seconds)
        with suppress(StorageError), writing(self._engine) as connection:  # else it grows old
            self._heart.stop(connection)

    def look(self) -> None:
        """Starts the drains that have something to do, and sets the timer for the next."""
        with self._looking:
            if self._stopping.is_set():
                return
            for slot in self._slots.values():
                if slot.may_start(utc_now()):
                    self._look_at_provider(slot, self._now())
            self._look_again(self._now())

    def _look_at_provider(self, slot: WorkerSlot, now: datetime) -> None:
        most = self._settings.max_in_flight
        with reading(self._engine) as connection:
            has_work = lookup.has_work(connection, slot.provider, now, most)
            state = provider_state.read(connection, slot.provider)
            if not slot.is_first:
                pending = lookup.pending(connection, slot.provider)
                is_worth_it = slot.number <= processes_for(slot.provider, pending)
                has_work = has_work and state.is_ready and is_worth_it
        if not has_work:
            return
        if state.is_ready:
            self._start_drain(slot)
        elif self._has_probe(slot, now):
            self._probe(slot, state.address)

    def _has_probe(self, slot: WorkerSlot, now: datetime) -> bool:
        with writing(self._engine) as connection:
            return provider_state.take_probe(connection, slot.provider, now)

    def _probe(self, slot: WorkerSlot, address: str | None) -> None:
        """By a worker process; where it is known what can't be reached, by a connection first."""
        if address is None:
            self._start_drain(slot, probe_now=True)
            return
        slot.is_busy = True  # and idle still: no process does it
        self._timer.add_job(self._knock, args=(slot, address), id=f"knock-{slot.provider}")

    def _knock(self, slot: WorkerSlot, address: str) -> None:
        """An offline provider gets a worker process once a connection to it can be made."""
        reason = reachability.refusal(address)
        if reason is None:
            with self._looking:
                self._start_drain(slot, probe_now=True)
            return
        try:
            away = ProviderOfflineError(reason, address=address)
            note_unavailable(self._engine, slot.provider, away, Random(), self._now())
        finally:
            slot.is_busy = False
        self._look_in(timedelta())

    def _start_drain(
        self, slot: WorkerSlot, *, probe_now: bool = False, and_sweep: bool = False
    ) -> None:
        if self._stopping.is_set():
            return
        if slot.is_broken:  # APScheduler may have lost count of what runs in it
            self._clear(slot)
        if slot.executor is None:
            self._timer.add_executor(slot.fill(), alias=slot.name)
        slot.begins()
        self._timer.add_job(
            worker.drain,
            args=(slot.provider, self._settings),
            kwargs={"probe_now": probe_now, "and_sweep": and_sweep, "parent": slot.parent},
            id=slot.name,
            executor=slot.name,
            replace_existing=True,
        )

    def _look_again(self, now: datetime) -> None:
        """At the next due time, if that comes before the slow poll."""
        with reading(self._engine) as connection:
            waits = [
                max(at - now, slot.not_before - utc_now())
                for slot in self._slots.values()
                if slot.is_first
                and not slot.is_busy
                and (at := lookup.next_work_at(connection, slot.provider)) is not None
            ]
        if waits and (shortest := min(waits)) < self._settings.poll_interval:
            self._look_in(max(shortest, timedelta(seconds=WATCH_INTERVAL_S)))

    def _look_in(self, time: timedelta) -> None:
        self._timer.add_job(
            self.look, "date", run_date=utc_now() + time, id="look-soon", replace_existing=True
        )

    def _on_job_ended(self, event: JobExecutionEvent) -> None:
        slot = self._slots.get(event.job_id)
        if event.exception:
            what = "timer.failed" if slot is None else "worker.failed"
            log.error(what, job=event.job_id, reason=repr(event.exception))
        if slot is not None:
            self._ended(slot, failed=bool(event.exception))
            if not self._stopping.is_set():
                self._look_in(timedelta())

    def _ended(self, slot: WorkerSlot, *, failed: bool) -> None:
        """A process that died holds nothing any more; nobody has to wait for its leases."""
        slot.ended(failed=failed, now=utc_now())
        dead = slot.dead_worker() if failed else None
        if dead is not None:
            with suppress(StorageError), writing(self._engine) as connection:  # else they run out
                repairs.end_leases(
                    connection, slot.provider, dead, chance=Random(), now=self._now()
                )

    def _tend_workers_now_and_then(self) -> None:
        """By the watching thread: a timer's job costs more, and there is mostly nobody to tend."""
        if self._is_warm() and time.monotonic() - self._tended_at >= _TEND_INTERVAL_S:
            self._tended_at = time.monotonic()
            self._tend_workers()

    def _tend_workers(self) -> None:
        """Ends processes that were idle for long, and takes note of those that died in a drain."""
        with self._looking:
            for slot in self._slots.values():
                if slot.has_lost_its_process():
                    log.error("worker.lost", job=slot.name)
                    self._ended(slot, failed=True)
                elif slot.is_idle_for(self._settings.worker_idle_seconds):
                    self._clear(slot)

    def _clear(self, slot: WorkerSlot) -> None:
        self._timer.remove_executor(slot.name, shutdown=False)
        slot.empty()

    def _tidy(self) -> None:
        with only_one(self._engine, "tidy") as is_ours:
            if is_ours:
                with writing(self._engine) as connection:
                    deletion.finish(connection, self._now())
                    saving.forget_keys(connection, self._now())
                    tally.fold_delivery_counts(connection)
        size = maintenance.shrink_wal(self._engine)
        if size > maintenance.LARGE_WAL:
            log.warning(
                "database.large_wal", bytes=size, reason="a connection reads for long; see doctor"
            )

    def _prune(self) -> None:
        assert self._settings.retention is not None  # noqa: S101 else there is no such timer
        with only_one(self._engine, "prune") as is_ours:
            if not is_ours:
                return
            pruned = pruning.prune_all(
                self._engine, self._settings.retention, self._now(), self._stopping.is_set
            )
        if pruned:
            log.info("results.pruned", count=pruned)

    def _sweep(self) -> None:
        """After unclean attempts, the providers are compared with what is recorded."""
        with self._looking, reading(self._engine) as connection:
            for slot in self._slots.values():
                if (
                    slot.is_first
                    and slot.may_start(utc_now())
                    and provider_state.read(connection, slot.provider).is_ready
                    and sweep.is_called_for(connection, slot.provider, self._now())
                ):
                    self._start_drain(slot, and_sweep=True)

    def _watch(self) -> None:
        """Looks for commits of other processes, for a clock that was set, and after the workers."""
        clock, news = ClockWatch(), News()
        while not self._stopping.is_set():
            try:
                with closing(CommitWatch(self._engine)) as commits:
                    while not self._stopping.wait(self._watch_interval_s()):
                        if jump := clock.jump():
                            self._on_clock_set(jump)
                        if news.calls(
                            has_changed=commits.has_changed(), is_draining=self._is_draining()
                        ):
                            self._look_in(timedelta())
                        self._tend_workers_now_and_then()
            except StorageError as error:  # the slow poll goes on meanwhile
                log.error("watch.failed", reason=str(error))  # noqa: TRY400 the message says it all
                self._stopping.wait(_PAUSE_AFTER_ERROR_S)

    def _watch_interval_s(self) -> float:
        return WATCH_INTERVAL_WHILE_WARM_S if self._is_warm() else WATCH_INTERVAL_S

    def _is_warm(self) -> bool:
        return any(slot.executor for slot in self._slots.values())

    def _is_draining(self) -> bool:
        return any(slot.is_busy for slot in self._slots.values())

    def _on_clock_set(self, jump: timedelta) -> None:
        """Timers, leases and due times follow the wall clock: none may wait for an hour that has passed."""
        now = utc_now()
        log.warning("clock.set", seconds=round(jump.total_seconds(), 1))
        if jump < timedelta() and is_file(self._engine):  # else leases go by the server's clock
            with writing(self._engine) as connection:
                repairs.correct_times(connection, longest_wait=timedelta(), lease=LEASE, now=now)
        for slot in self._slots.values():
            slot.not_before = min(slot.not_before, now)
        for job in self._regular:
            with suppress(JobLookupError):
                job.modify(next_run_time=now)

    def _beat(self) -> None:
        with writing(self._engine) as connection:
            self._heart.beat(connection, self._now())
        self._on_beat()

    def _now(self) -> datetime:
        """As the database counts it; our own timers go by this host's clock."""
        return database_now(self._engine)

    def _every(self, interval: timedelta, work: Callable[[], None]) -> None:
        job = self._timer.add_job(
            work, "interval", seconds=interval.total_seconds(), id=work.__name__.strip("_")
        )
        self._regular.append(job)


def _end_children(grace_seconds: float) -> None:
    """Waits for the worker processes, and kills those that don't end in time.

    By their sentinels: the pool's own thread may collect a process first, which `join` takes for alive then.
    """
    deadline = time.monotonic() + grace_seconds
    children = {child.sentinel: child for child in multiprocessing.active_children()}
    while children and (left := deadline - time.monotonic()) > 0:
        for ended in wait_until_ready(children, left):
            del children[ended]  # type: ignore[arg-type]  # it gives back what it was given
    for child in children.values():
        log.warning("worker.killed", pid=child.pid)
        child.kill()
        child.join()
