"""When drains run: at once on a commit, when a delivery or a probe falls due, and on a slow poll.

APScheduler is the timer; all truth is in the outbox, so its job store is memory. Each provider's drain runs
in that provider's own worker process, which is started when there is something due and ended when idle.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.executors.pool import ProcessPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from fairmind_sync import heartbeat, lookup, provider_state, worker
from fairmind_sync.backoff import retry_delay
from fairmind_sync.database import CommitWatch, reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.settings import ProviderName, Settings

WATCH_INTERVAL_S = 0.1
_DRAINS_PER_WORKER = 500

log = structlog.get_logger()


class WorkerSlot:
    """The place of one provider's worker process: empty, busy with a drain, or warm."""

    def __init__(self, provider: ProviderName, settings: Settings) -> None:
        self.provider = provider
        self.is_busy = False
        self.is_broken = False
        self.idle_since: float | None = None
        self.not_before = datetime.now(UTC)
        self.executor: ProcessPoolExecutor | None = None
        self._failures = 0
        self._settings = settings
        self._wires = worker.Wires()
        self._misses = 0

    def may_start(self, now: datetime) -> bool:
        return not self.is_busy and self.not_before <= now

    def fill(self) -> ProcessPoolExecutor:
        """A fresh one-process executor; its process starts with its first drain."""
        self._wires.pid.value = 0
        self.executor = ProcessPoolExecutor(
            1,
            {
                "mp_context": multiprocessing.get_context("spawn"),
                "initializer": worker.start,
                "initargs": (self._settings, self._wires),
                "max_tasks_per_child": _DRAINS_PER_WORKER,
            },
        )
        return self.executor

    def empty(self) -> None:
        """Lets the process end by itself; nobody waits for an SDK's farewell."""
        if self.executor is not None:
            self.executor.shutdown(wait=False)
        self.executor = self.idle_since = None
        self.is_broken = False

    def ask_to_stop(self) -> None:
        """What the process has begun it finishes; it begins nothing more."""
        self._wires.stop.value = True

    def ended(self, *, failed: bool, now: datetime) -> None:
        """After a drain; one whose process died is not repeated in a busy loop."""
        self.is_busy, self.is_broken = False, failed
        self.idle_since = time.monotonic()
        self._failures = self._failures + 1 if failed else 0
        if failed:
            self.not_before = now + retry_delay(self._failures, Random())

    def has_lost_its_process(self, living: set[int | None]) -> bool:
        """Whether a drain's process was gone at two looks in a row, and nobody has told us.

        concurrent.futures may lose a submit that meets a dying process; without this, the provider would
        seem busy for ever.
        """
        gone = self.is_busy and self._wires.pid.value not in (0, *living)
        self._misses = self._misses + 1 if gone else 0
        return self._misses > 1

    def is_idle_for(self, seconds: float) -> bool:
        return self.idle_since is not None and time.monotonic() - self.idle_since >= seconds


class Scheduler:
    """The daemon's timers. `start` returns at once; `stop` returns when all is ended."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._heart = heartbeat.Heart()
        self._stopping = threading.Event()
        self._looking = threading.Lock()
        self._slots: dict[ProviderName, WorkerSlot] = {}
        self._timer = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None}
        )
        self._watcher = threading.Thread(target=self._watch_commits, name="commits", daemon=True)

    def start(self) -> None:
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # our own events say it
        now = datetime.now(UTC)
        with writing(self._engine) as connection:
            self._heart.start(connection, now)
            provider_state.probe_soon(connection, now)
        self._timer.add_listener(self._on_job_ended, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        self._every(heartbeat.INTERVAL, self._beat)
        self._every(self._settings.poll_interval, self.look)
        self._every(timedelta(seconds=5), self._tend_workers)
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
        with writing(self._engine) as connection:
            self._heart.stop(connection)

    def look(self) -> None:
        """Starts the drains that have something to do, and sets the timer for the next."""
        with self._looking:
            if self._stopping.is_set():
                return
            now = datetime.now(UTC)
            for provider in self._settings.enabled:
                slot = self._slot(provider)
                if slot.may_start(now) and self._has_work(provider, now):
                    self._start_drain(slot)
            self._look_again(now)

    def _slot(self, provider: ProviderName) -> WorkerSlot:
        if provider not in self._slots:
            self._slots[provider] = WorkerSlot(provider, self._settings)
        return self._slots[provider]

    def _has_work(self, provider: ProviderName, now: datetime) -> bool:
        with reading(self._engine) as connection:
            return lookup.has_work(connection, provider, now)

    def _start_drain(self, slot: WorkerSlot) -> None:
        if slot.is_broken:  # APScheduler may have lost count of what runs in it
            self._clear(slot)
        if slot.executor is None:
            self._timer.add_executor(slot.fill(), alias=slot.provider)
        slot.is_busy, slot.idle_since = True, None
        self._timer.add_job(
            worker.drain,
            args=(slot.provider, self._settings),
            id=slot.provider,
            executor=slot.provider,
            replace_existing=True,
        )

    def _look_again(self, now: datetime) -> None:
        """At the next due time, if that comes before the slow poll."""
        with reading(self._engine) as connection:
            times = [
                max(at, slot.not_before)
                for slot in self._slots.values()
                if not slot.is_busy
                and (at := lookup.next_work_at(connection, slot.provider)) is not None
            ]
        if times and (soon := min(times)) < now + self._settings.poll_interval:
            self._look_at(max(soon, now + timedelta(seconds=WATCH_INTERVAL_S)))

    def _look_at(self, at: datetime) -> None:
        self._timer.add_job(self.look, "date", run_date=at, id="look-soon", replace_existing=True)

    def _on_job_ended(self, event: JobExecutionEvent) -> None:
        slot = self._slots.get(event.job_id)
        if event.exception:
            what = "timer.failed" if slot is None else "worker.failed"
            log.error(what, job=event.job_id, reason=repr(event.exception))
        if slot is not None:
            slot.ended(failed=bool(event.exception), now=datetime.now(UTC))
            if not self._stopping.is_set():
                self._look_at(datetime.now(UTC))

    def _tend_workers(self) -> None:
        """Ends processes that were idle for long, and takes note of those that went unnoticed."""
        living = {child.pid for child in multiprocessing.active_children()}
        with self._looking:
            for slot in self._slots.values():
                if slot.has_lost_its_process(living):
                    log.error("worker.lost", job=slot.provider)
                    slot.ended(failed=True, now=datetime.now(UTC))
                elif slot.is_idle_for(self._settings.worker_idle_seconds):
                    self._clear(slot)

    def _clear(self, slot: WorkerSlot) -> None:
        self._timer.remove_executor(slot.provider, shutdown=False)
        slot.empty()

    def _watch_commits(self) -> None:
        watch = CommitWatch(self._engine)
        while not self._stopping.wait(WATCH_INTERVAL_S):
            if watch.has_changed():
                self._look_at(datetime.now(UTC))
        watch.close()

    def _beat(self) -> None:
        with writing(self._engine) as connection:
            self._heart.beat(connection, datetime.now(UTC))

    def _every(self, interval: timedelta, work: Callable[[], None]) -> None:
        self._timer.add_job(
            work, "interval", seconds=interval.total_seconds(), id=work.__name__.strip("_")
        )


def _end_children(grace_seconds: float) -> None:
    """Waits for the worker processes, and kills those that don't end in time."""
    deadline = time.monotonic() + grace_seconds
    children = multiprocessing.active_children()
    for child in children:
        child.join(max(0.0, deadline - time.monotonic()))
    for child in children:
        if child.is_alive():
            log.warning("worker.killed", pid=child.pid)
            child.kill()
            child.join()
