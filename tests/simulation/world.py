"""Virtual time, and processes that take turns in it: greenlets of one thread, which the clock alone resumes.

Code of the product runs as it is. It is suspended where it waits: for its turn to write, for a reply, for
time to pass. What happens next is what comes first in virtual time; the seed decides how long each wait is.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


class Killed(BaseException):
    """Unwinds a process that was killed; whatever the process does meanwhile raises it again."""


@dataclass(eq=False, slots=True)
class _Entry:
    act: Callable[[], None]
    is_dropped: bool = False


class World:
    """The clock of a run, in seconds since its start, and all that will happen.

    `quiet` are strands whose commits are of no interest to anybody.
    """

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.chance = Random(seed)
        self._heap: list[tuple[float, int, _Entry]] = []
        self._numbers = count()
        self._main = getcurrent()
        self.crashes: list[BaseException] = []
        self.quiet: set[greenlet] = set()

    @property
    def time(self) -> datetime:
        """The true time; hosts' clocks differ."""
        return START + timedelta(seconds=self.now)

    def at(self, when: float, act: Callable[[], None]) -> _Entry:
        """Has something happen then, or now if that has passed; returns what `drop` takes."""
        entry = _Entry(act)
        heapq.heappush(self._heap, (max(when, self.now), next(self._numbers), entry))
        return entry

    def after(self, seconds: float, act: Callable[[], None]) -> _Entry:
        return self.at(self.now + seconds, act)

    @staticmethod
    def drop(entry: _Entry) -> None:
        entry.is_dropped = True

    def run(self, until: float, is_done: Callable[[], bool] = lambda: False) -> None:
        """Lets everything happen that happens before then, or before `is_done`."""
        while self._heap and self._heap[0][0] <= until and not is_done():
            at, _number, entry = heapq.heappop(self._heap)
            if not entry.is_dropped:
                self.now = at
                entry.act()
        if not is_done():
            self.now = max(self.now, until)

    def leave(self) -> None:
        """Suspends the running strand until somebody resumes it."""
        self._main.switch()

    @property
    def is_quiet(self) -> bool:
        return getcurrent() in self.quiet

    @property
    def is_in_a_strand(self) -> bool:
        return getcurrent() is not self._main

    def enter(self, strand: greenlet, *thrown: Any) -> None:
        """Resumes a strand, from outside of all strands."""
        self._main = getcurrent()
        if thrown:
            strand.throw(*thrown)
        else:
            strand.switch()


class Process:
    """A process of a host: its strands end with it, and stand still while it is frozen."""

    _numbers = count(1000)

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.pid = next(Process._numbers)
        self.is_dead = self.was_killed = False
        self.frozen_until = 0.0
        self.was_disturbed = False
        self.on_end: list[Callable[[], None]] = []
        self._strands: dict[greenlet, Callable[[], None]] = {}

    @property
    def signature(self) -> str:
        """As the audit log names it."""
        return f"{self.name} {self.pid}"

    @property
    def is_running(self) -> bool:
        """Whether the running strand is one of the process's."""
        return getcurrent() in self._strands

    def start(self, work: Callable[[], object], on_end: Callable[[], None] = lambda: None) -> None:
        """Starts a strand, which is a thread to the product."""
        self.world.after(0.0, lambda: self._begin(work, on_end))

    def _begin(self, work: Callable[[], object], on_end: Callable[[], None]) -> None:
        if self.is_dead:
            return

        def run() -> None:
            try:
                work()
            except Killed:
                pass
            except Exception as error:  # noqa: BLE001 a bug, which the oracle tells
                self.world.crashes.append(error)
            finally:
                self._strands.pop(strand, None)
            if not self.is_dead:
                on_end()

        strand = greenlet(run)
        self._strands[strand] = on_end
        self._resume(strand)

    def sleep(self, seconds: float) -> None:
        """Suspends the running strand for so long; a process that is frozen sleeps on."""
        self.stop_if_dead()
        strand = getcurrent()
        self.world.after(seconds, lambda: self._resume(strand))
        self.world.leave()
        self.stop_if_dead()

    def park(self) -> Callable[[], None]:
        """Returns what wakes the running strand; the caller then calls `World.leave`."""
        strand = getcurrent()

        def wake() -> None:
            self.world.after(0.0, lambda: self._resume(strand))

        return wake

    def stop_if_dead(self) -> None:
        if self.is_dead:
            raise Killed

    def _resume(self, strand: greenlet) -> None:
        if self.is_dead or strand.dead:
            return
        if self.world.now < self.frozen_until:
            self.world.at(self.frozen_until, lambda: self._resume(strand))
            return
        self.world.enter(strand)

    def freeze(self, seconds: float) -> None:
        """Stops the process for so long, as SIGSTOP or a sleeping machine does."""
        self.was_disturbed = True
        self.frozen_until = max(self.frozen_until, self.world.now + seconds)

    def kill(self) -> None:
        """Ends the process at once, wherever its strands are; may be called from one of them."""
        if self.is_dead:
            return
        self.is_dead = self.was_killed = self.was_disturbed = True
        self.world.after(0.0, self._unwind)
        if self.world.is_in_a_strand and getcurrent() in self._strands:
            raise Killed

    def end(self) -> None:
        """Ends the process whose work is done, or that ends itself."""
        if not self.is_dead:
            self.is_dead = True
            self.world.after(0.0, self._unwind)

    def _unwind(self) -> None:
        for strand in [*self._strands]:
            if strand:  # it has begun, and hasn't ended
                self.world.enter(strand, Killed)
        self._strands.clear()
        for act in self.on_end:
            act()
        self.on_end.clear()
