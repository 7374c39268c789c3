"""What stands in for timers, processes and clocks where the daemon's parts are tested by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from apscheduler.executors.base import BaseExecutor
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.daemon.timers import Timers
from fairmind_sync.daemon.worker_pool import WorkerPool
from fairmind_sync.relay import worker
from fairmind_sync.settings import Settings
from tests.support.deliveries import save

GONE = 2**22 + 1
"""A process id that Linux gives to nobody."""


@dataclass(frozen=True)
class Started:
    """Work that was to run at once."""

    name: str
    work: Callable[..., None]
    arguments: Mapping[str, Any]
    executor: str

    def run(self) -> None:
        self.work(**self.arguments)


class FakeTimers(Timers):
    """Notes what it was asked for, and runs nothing."""

    def __init__(self, _on_ended: Callable[[Any], None] = lambda _event: None) -> None:
        self.regular: dict[str, timedelta] = {}
        self.waiting: dict[str, tuple[timedelta, Callable[[], None]]] = {}
        self.started: list[Started] = []
        self.executors: list[str] = []
        self.all_at: list[datetime] = []
        self.is_running = False

    def start(self) -> None:
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False

    def every(self, interval: timedelta, _work: Callable[[], None], name: str) -> None:
        self.regular[name] = interval

    def all_now(self, now: datetime) -> None:
        self.all_at.append(now)

    def once(self, after: timedelta, work: Callable[[], None], name: str) -> None:
        self.waiting[name] = after, work

    def at_once(
        self,
        work: Callable[..., None],
        name: str,
        arguments: Mapping[str, Any],
        executor: str = "default",
    ) -> None:
        self.started.append(Started(name, work, arguments, executor))

    def add_executor(self, _executor: BaseExecutor, name: str) -> None:
        self.executors.append(name)

    def remove_executor(self, name: str) -> None:
        self.executors.remove(name)

    @property
    def drains(self) -> list[tuple[str, bool, bool]]:
        """Each drain's slot, whether it probes first, and whether it sweeps."""
        return [
            (one.name, one.arguments["probe_now"], one.arguments["and_sweep"])
            for one in self.started
            if one.work is worker.drain
        ]


class Monotonic:
    """In the place of the module `time`: a monotonic clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


def pool_of(engine: Engine, settings: Settings, timers: Timers) -> WorkerPool:
    return WorkerPool(engine, settings, timers)


def save_due(engine: Engine, *providers: Any, after: timedelta = timedelta()) -> None:
    """A result whose deliveries are due then, by the clock of this host."""
    save(engine, *providers, now=utc_now() + after)
