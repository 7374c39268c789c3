"""What stands in for timers, processes and clocks where the daemon's parts are tested by themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from apscheduler.executors.base import BaseExecutor
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.daemon import reachability
from fairmind_sync.daemon.dispatcher import Dispatcher
from fairmind_sync.daemon.machine import Machine
from fairmind_sync.daemon.timers import Timers
from fairmind_sync.daemon.worker_pool import WorkerPool
from fairmind_sync.daemon.worker_processes import WorkerProcesses
from fairmind_sync.outbox import provider_state
from fairmind_sync.relay import sweep, worker
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import provider_table
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


class Steady:
    """A steady clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Living(WorkerProcesses):
    """The system's processes, of which one more is alive."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self._pid = pid

    def is_alive(self, pid: int) -> bool:
        return pid == self._pid


def save_due(engine: Engine, *providers: Any, after: timedelta = timedelta()) -> None:
    """A result whose deliveries are due then, by the clock of this host."""
    save(engine, *providers, now=utc_now() + after)


class Stand:
    """A dispatcher over the test's database, with timers and processes that do nothing."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine = engine
        self.timers = FakeTimers()
        self.now: Callable[[], datetime] = utc_now
        self.refusal: Callable[[str], str | None] = reachability.refusal
        self.ahead = self.slept = timedelta()
        machine = Machine(now=self._time, steady=self._steady, refusal=self._refusal_of)
        self.pool = WorkerPool(engine, settings, self.timers, machine)
        self.stopping = threading.Event()
        self.dispatcher = Dispatcher(
            engine, settings, self.pool, self.timers, self.stopping, machine
        )

    def _time(self) -> datetime:
        return self.now() + self.ahead

    def _steady(self) -> float:
        return (self._time() - self.slept).timestamp()

    def _refusal_of(self, address: str) -> str | None:
        return self.refusal(address)

    def slot(self, name: str = "mlflow") -> Any:
        return self.pool.get(name)

    def look(self) -> list[tuple[str, bool, bool]]:
        self.dispatcher.look()
        return self.timers.drains

    def sweep(
        self, after: timedelta = sweep.INTERVAL, slept: timedelta = timedelta()
    ) -> list[tuple[str, bool, bool]]:
        """The drains so far, when the sweeps' timer comes so long after the time before, `slept` of that."""
        self.ahead += after
        self.slept += slept
        self.dispatcher.sweep()
        return self.timers.drains

    @property
    def next_look(self) -> timedelta | None:
        times = [self.timers.waiting.get(name) for name in ("look-soon", "look-when-due")]
        return min((found[0] for found in times if found), default=None)

    def offline(self, address: str | None = None, *, probe_in: timedelta = timedelta()) -> None:
        now = utc_now()
        with writing(self.engine) as connection:
            provider_state.note_offline(
                connection,
                "mlflow",
                "no route",
                after=timedelta(),
                address=address,
                chance=Random(1),
                now=now,
            )
            connection.execute(provider_table.update().values(next_probe_at=now + probe_in))
