"""The daemon's watching thread: looks every 20 or 200 ms for commits and for a clock that was set, and has
idle or dead workers tended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from fairmind_sync.daemon.commit_debounce import Debounce
from fairmind_sync.daemon.machine import THIS_MACHINE, Machine
from fairmind_sync.errors import StorageError
from fairmind_sync.event_log import get_logger

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.daemon.worker_pool import WorkerPool
    from fairmind_sync.storage.commit_watch import CommitWatch

_INTERVAL_S = 0.2
"""Seconds between two looks; each costs 0.2 ms of CPU time, and a worker takes longer to start anyway."""
_INTERVAL_WHILE_WARM_S = 0.02
"""Seconds between two looks while a worker process is kept warm for the next delivery."""
_PAUSE_AFTER_ERROR_S = 5.0

log = get_logger()


class Watcher:
    """Calls `on_commit` and `on_clock_set` from its own thread, until `stopping` is set."""

    def __init__(
        self,
        engine: Engine,
        pool: WorkerPool,
        stopping: threading.Event,
        *,
        on_commit: Callable[[], None],
        on_clock_set: Callable[[timedelta], None],
        machine: Machine = THIS_MACHINE,
    ) -> None:
        self._pool = pool
        self._stopping = stopping
        self._on_commit = on_commit
        self._on_clock_set = on_clock_set
        self._watch: Callable[[], CommitWatch] = partial(machine.commits, engine, machine.steady)
        self._clock, self._debounce = machine.clock_watch(), Debounce(machine.steady)
        self._thread = machine.thread(target=self._run, name="watch", daemon=True)
        self._has_started = False

    def start(self) -> None:
        self._thread.start()
        self._has_started = True

    def join(self) -> None:
        """Waits for the thread's end, if the thread could be started."""
        if self._has_started:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with closing(self._watch()) as commits:
                    while not self._stopping.wait(self._interval_s()):
                        self._look(commits)
            except StorageError as error:  # the slow poll still finds work
                log.error("watch.failed", reason=str(error))  # noqa: TRY400 the message says it all
                self._stopping.wait(_PAUSE_AFTER_ERROR_S)

    def _look(self, commits: CommitWatch) -> None:
        if jump := self._clock.jump():
            self._on_clock_set(jump)
            self._clock.settle()  # not before: the database may be locked, and is tried again
        if self._debounce.calls(
            has_changed=commits.has_changed(), is_draining=self._pool.is_draining
        ):
            self._on_commit()
        self._pool.tend_now_and_then()

    def _interval_s(self) -> float:
        return _INTERVAL_WHILE_WARM_S if self._pool.is_warm else _INTERVAL_S
