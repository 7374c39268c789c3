"""The machine that the daemon's parts run on, as one object that a simulation replaces: clocks, threads,
timers, worker processes, chance.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from fairmind_sync.clock import ClockWatch, utc_now
from fairmind_sync.daemon import reachability
from fairmind_sync.daemon.timers import OnEnded, Timers
from fairmind_sync.daemon.worker_processes import WorkerProcesses
from fairmind_sync.storage.commit_watch import CommitWatch

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine; a simulated one has other clocks, and no threads or processes of the system.

    `now` is the wall clock, `steady` a clock in seconds that nobody sets, `refusal` the connect probe.
    """

    now: Callable[[], datetime] = utc_now
    steady: Callable[[], float] = time.monotonic
    lock: Callable[[], AbstractContextManager[object]] = threading.Lock
    event: Callable[[], threading.Event] = threading.Event
    thread: Callable[..., threading.Thread] = threading.Thread
    timers: Callable[[OnEnded], Timers] = Timers
    commits: Callable[[Engine, Callable[[], float]], CommitWatch] = CommitWatch
    processes: WorkerProcesses = field(default_factory=WorkerProcesses)
    refusal: Callable[[str], str | None] = reachability.refusal
    chance: Random = field(default_factory=Random)

    def clock_watch(self) -> ClockWatch:
        """Returns a watch that notices from now on when `now` is set, or the machine has slept."""
        return ClockWatch(lambda: self.now().timestamp(), self.steady)


THIS_MACHINE = Machine()
