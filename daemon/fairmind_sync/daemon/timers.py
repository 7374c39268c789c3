"""Runs work at intervals, after a while or at once, by APScheduler with its jobs in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from fairmind_sync.clock import utc_now

OnEnded: TypeAlias = Callable[[JobExecutionEvent], None]

_AT_ONCE = 3
"""Of work that takes turns: a piece that has ended and is still counted, one that runs, one that waits."""


class Timers:
    """Runs work at intervals, once after a while, or at once in a process of its own."""

    def __init__(self, on_ended: OnEnded) -> None:
        """Has `on_ended` called after each piece of work, with what the work raised."""
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None}
        )
        self._scheduler.add_listener(on_ended, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        self._regular: list[Job] = []

    def start(self) -> None:
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # our own events say so
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)

    def every(self, interval: timedelta, work: Callable[[], None], name: str) -> None:
        """Runs the work at each interval, however late, the first time after one interval."""
        seconds = interval.total_seconds()
        self._regular.append(self._scheduler.add_job(work, "interval", seconds=seconds, id=name))

    def all_now(self, now: datetime) -> None:
        """Runs all regular work now: after the clock was set, the next times of that work may be far off."""
        for job in self._regular:
            with suppress(JobLookupError):
                job.modify(next_run_time=now)

    def once(self, after: timedelta, work: Callable[[], None], name: str) -> None:
        """Runs the work after `after`, in the place of work with that name which still waits.

        Work of that name that runs by then may have seen too little: another piece is run beside it, so the
        work has to take turns by itself.
        """
        self._scheduler.add_job(
            work,
            "date",
            run_date=utc_now() + after,
            id=name,
            replace_existing=True,
            max_instances=_AT_ONCE,
        )

    def at_once(
        self,
        work: Callable[..., None],
        name: str,
        arguments: Mapping[str, Any],
        executor: str = "default",
    ) -> None:
        """Runs the work now, in a thread or by the named executor; `arguments` are keywords of its call."""
        self._scheduler.add_job(
            work, kwargs=arguments, id=name, executor=executor, replace_existing=True
        )

    def add_executor(self, executor: BaseExecutor, name: str) -> None:
        self._scheduler.add_executor(executor, alias=name)

    def remove_executor(self, name: str) -> None:
        self._scheduler.remove_executor(name, shutdown=False)
