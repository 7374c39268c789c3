"""The place of a provider's worker process in the daemon: empty, busy with a drain, or warm."""

from __future__ import annotations

import multiprocessing
import time
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING
from uuid import uuid4

from apscheduler.executors.pool import ProcessPoolExecutor

from fairmind_sync import worker
from fairmind_sync.backoff import retry_delay
from fairmind_sync.clock import utc_now
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.relay import worker_name

if TYPE_CHECKING:
    from fairmind_sync.settings import Settings

_DRAINS_PER_WORKER = 500
_LONGEST_PAUSE = timedelta(minutes=1)
WORKERS: dict[ProviderName, int] = {"wandb": 2, "mlflow": 1}
"""W&B's SDK is Python's to run: a process makes 50 runs a second. MLflow's server is its own limit."""
LARGE_BACKLOG = 200
"""Pending deliveries from which on a provider's further processes are worth their start."""


class WorkerSlot:
    """Knows whether its process may be given a drain, and what became of it.

    A provider's first process (`number` 1) does all the work, until there is much.
    """

    def __init__(self, provider: ProviderName, settings: Settings, number: int = 1) -> None:
        self.provider = provider
        self.number = number
        self.is_busy = False
        self.is_broken = False
        self.idle_since: float | None = None
        self.not_before = utc_now()
        self.executor: ProcessPoolExecutor | None = None
        self._failures = 0
        self._settings = settings
        self.parent = uuid4().hex[:8]
        self._wires = worker.Wires()
        self._misses = 0

    @property
    def name(self) -> str:
        return self.provider if self.number == 1 else f"{self.provider}-{self.number}"

    @property
    def is_first(self) -> bool:
        return self.number == 1

    def may_start(self, now: datetime) -> bool:
        return not self.is_busy and self.not_before <= now

    def fill(self) -> ProcessPoolExecutor:
        """A fresh one-process executor; its process starts with its first drain."""
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
        self._wires.pid.value = 0
        self.executor = self.idle_since = None
        self.is_broken = False

    def ask_to_stop(self) -> None:
        """What the process has begun it finishes; it begins nothing more."""
        self._wires.stop.value = True

    def begins(self) -> None:
        self.is_busy, self.idle_since = True, None

    def ended(self, *, failed: bool, now: datetime) -> None:
        """After a drain; one that failed is not repeated in a busy loop."""
        self.is_busy, self.is_broken = False, failed
        self.idle_since = time.monotonic()
        self._failures = self._failures + 1 if failed else 0
        if failed:
            self.not_before = now + min(retry_delay(self._failures, Random()), _LONGEST_PAUSE)

    def dead_worker(self) -> str | None:
        """The name of its process in the attempts, if it has one and that is certainly gone."""
        pid = self._wires.pid.value
        return None if pid == 0 or _is_alive(pid) else worker_name(pid, self.parent)

    def has_lost_its_process(self) -> bool:
        """Whether a drain's process was gone at two looks in a row: it didn't end by itself, then.

        APScheduler tells nobody that a pool broke, it only logs it; without this, the provider would seem
        busy for ever.
        """
        gone = self.is_busy and self.dead_worker() is not None
        self._misses = self._misses + 1 if gone else 0
        return self._misses > 1

    def is_idle_for(self, seconds: float) -> bool:
        return self.idle_since is not None and time.monotonic() - self.idle_since >= seconds


def _is_alive(pid: int) -> bool:
    return any(child.pid == pid for child in multiprocessing.active_children())


def processes_for(provider: ProviderName, pending: int) -> int:
    """How many processes so many pending deliveries are worth."""
    return WORKERS[provider] if pending >= LARGE_BACKLOG else 1


def slots_of(settings: Settings) -> list[WorkerSlot]:
    """One for each process that the enabled providers may have."""
    return [
        WorkerSlot(provider, settings, number)
        for provider in settings.enabled
        for number in range(1, WORKERS[provider] + 1)
    ]
