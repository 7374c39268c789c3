"""Wires the daemon's parts together and sets their timers; what
happens after a drain has ended or the clock was set.

Each provider's drain runs in that provider's own worker process, which is started when something is due and
ended when idle; a large backlog may get a second process.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from fairmind_sync.daemon.dispatcher import Dispatcher
from fairmind_sync.daemon.housekeeping import Housekeeping
from fairmind_sync.daemon.machine import THIS_MACHINE, Machine
from fairmind_sync.daemon.watcher import Watcher
from fairmind_sync.daemon.webhook import Webhook
from fairmind_sync.daemon.worker_pool import WorkerPool
from fairmind_sync.errors import StorageError
from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import heartbeat, provider_state, pruning, repairs
from fairmind_sync.relay import sweep
from fairmind_sync.settings import OF_THE_WEBHOOK
from fairmind_sync.storage.engine import current_time, is_file, writing

if TYPE_CHECKING:
    from apscheduler.events import JobExecutionEvent
    from sqlalchemy import Engine

    from fairmind_sync.settings import Settings

_TIDY_INTERVAL = timedelta(minutes=1)
_WEBHOOK_INTERVAL = timedelta(seconds=10)

log = get_logger()


class Scheduler:
    """The daemon's parts, wired together; `start` returns at once, `stop` when everything has ended.

    `on_beat` is as in `Housekeeping`.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        on_beat: Callable[[], None] = lambda: None,
        machine: Machine = THIS_MACHINE,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._machine = machine
        self._stopping = machine.event()
        self._timers = machine.timers(self._on_ended)
        self._pool = WorkerPool(engine, settings, self._timers, machine)
        self._dispatcher = Dispatcher(
            engine, settings, self._pool, self._timers, self._stopping, machine
        )
        self._housekeeping = Housekeeping(engine, on_beat)
        self._webhook = Webhook(engine, settings, self._stopping.is_set)
        self._watcher = Watcher(
            engine,
            self._pool,
            self._stopping,
            on_commit=partial(self._dispatcher.look_in, timedelta()),
            on_clock_set=self._on_clock_set,
            machine=machine,
        )

    def start(self) -> None:
        """Starts what delivers; where that fails, stops what was started, and raises why it failed."""
        with writing(self._engine) as connection:
            now = current_time(self._engine)
            self._housekeeping.start(connection, now)
            provider_state.probe_soon(connection, now)
            repairs.correct_times(connection, now=now)
        self._set_timers()
        self._timers.start()
        try:
            self._watcher.start()
            self._dispatcher.look()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Lets running drains finish what the drains have begun, for no longer than the grace period."""
        self._stopping.set()
        self._watcher.join()
        self._pool.ask_to_stop()
        self._timers.stop()
        self._pool.end()
        with suppress(StorageError):
            self._housekeeping.stop()

    def _set_timers(self) -> None:
        every, chores = self._timers.every, self._housekeeping
        every(heartbeat.INTERVAL, chores.beat, "beat")
        every(self._settings.poll_interval, self._dispatcher.look, "look")
        every(_TIDY_INTERVAL, chores.tidy, "tidy")
        every(sweep.INTERVAL, self._dispatcher.sweep, "sweep")
        self._timers.once(sweep.INTERVAL / 2, self._dispatcher.sweep, "first-sweep")
        if self._settings.webhook_url and not self._settings.mistakes_in(*OF_THE_WEBHOOK):
            every(_WEBHOOK_INTERVAL, self._webhook.look, "webhook")
        if (retention := self._settings.retention) is not None:
            prune = partial(chores.prune, retention, self._stopping.is_set)
            every(pruning.interval(retention), prune, "prune")

    def _on_ended(self, event: JobExecutionEvent) -> None:
        """Logs a failure of a timer's work or of a drain; after a drain, frees its slot and looks again."""
        slot = self._pool.get(event.job_id)
        if event.exception:
            what = "timer.failed" if slot is None else "worker.failed"
            log.error(what, job=event.job_id, reason=repr(event.exception))
        if slot is not None:
            self._pool.drain_ended(slot, failed=bool(event.exception))
            if not self._stopping.is_set():
                self._dispatcher.look_in(timedelta())

    def _on_clock_set(self, jump: timedelta) -> None:
        """Corrects timers, leases and due times, which go by the wall clock, after that was set."""
        now = self._machine.now()
        log.warning("clock.set", seconds=round(jump.total_seconds(), 1))
        if jump < timedelta() and is_file(self._engine):  # else leases go by the server's clock
            with writing(self._engine) as connection:
                now = current_time(self._engine)
                repairs.correct_times(connection, now=now, longest_wait=timedelta())
        for slot in self._pool:
            slot.not_before = min(slot.not_before, now)
        self._timers.all_now(now)
