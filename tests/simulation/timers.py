"""A daemon's timers in virtual time, by the wall clock of its host, as APScheduler's are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from greenlet import getcurrent

from fairmind_sync.daemon.timers import OnEnded, Timers
from tests.simulation.hosts import Host
from tests.simulation.world import Process

MOST_STRETCH = 64
"""While nobody commits anything, a chore of which each round changes nothing comes ever more rarely."""
_IDLE_ROUNDS = 1
_QUIET = ("beat", "tidy")
"""Chores whose commits are no work for anybody."""
_DELIVERS = ("worker", "daemon", "drain")
"""Processes of which a commit leaves nothing to tidy but counts."""


@dataclass
class Ended:
    """As APScheduler tells the end of a piece of work."""

    job_id: str
    exception: Exception | None


@dataclass
class _Regular:
    """Work at intervals; `wall` is when it runs next, by the wall clock."""

    work: Callable[[], None]
    interval: float
    wall: float
    rounds: int = 0
    is_running: bool = False
    number: int = 0


class SimulatedTimers(Timers):
    """Runs work in strands of the daemon's process, and drains in worker processes."""

    def __init__(self, process: Process, host: Host, on_ended: OnEnded) -> None:
        self._process = process
        self._host = host
        self._on_ended = on_ended
        self._regular_work: dict[str, _Regular] = {}
        self._once: dict[str, int] = {}
        self._executors: dict[str, Any] = {}
        self._is_running = False
        self._numbers = 0
        host.on_clock_set.append(self._set_all)
        process.on_end.append(lambda: host.on_clock_set.remove(self._set_all))

    def start(self) -> None:
        self._is_running = True
        self._set_all()

    def stop(self) -> None:
        self._is_running = False

    def every(self, interval: timedelta, work: Callable[[], None], name: str) -> None:
        seconds = interval.total_seconds()
        self._regular_work[name] = _Regular(work, seconds, self._host.wall() + seconds)

    def all_now(self, _now: datetime) -> None:
        for name, one in self._regular_work.items():
            one.wall = self._host.wall()
            self._set(name, one)

    def someone_committed(self, who: str) -> None:
        """Ends the idleness of regular work that the commit may be work for: of tidying after people's."""
        for name, one in self._regular_work.items():
            if name == "beat" or (name == "tidy" and who.startswith(_DELIVERS)):
                continue
            soon = self._host.wall() + one.interval
            one.rounds = 0
            if one.wall > soon:
                one.wall = soon
                self._set(name, one)

    def once(self, after: timedelta, work: Callable[[], None], name: str) -> None:
        self._numbers += 1
        number = self._once[name] = self._numbers
        wall = self._host.wall() + after.total_seconds()

        def run() -> None:
            if self._once.get(name) == number and self._is_running:
                del self._once[name]
                self._process.start(lambda: self._run(name, work))

        self._host.world.at(self._host.true_time_of(wall), run)

    def at_once(
        self,
        work: Callable[..., None],
        name: str,
        arguments: Mapping[str, Any],
        executor: str = "default",
    ) -> None:
        if executor == "default":
            self._process.start(lambda: self._run(name, lambda: work(**arguments)))
        else:
            self._executors[executor].drain(arguments, lambda error: self._tell_end(name, error))

    def add_executor(self, executor: Any, name: str) -> None:
        self._executors[name] = executor

    def remove_executor(self, name: str) -> None:
        del self._executors[name]

    def _tell_end(self, name: str, error: Exception | None) -> None:
        if not self._process.is_dead:
            self._process.start(lambda: self._on_ended(Ended(name, error)))

    def _run(self, name: str, work: Callable[[], None]) -> None:
        error: Exception | None = None
        try:
            work()
        except Exception as raised:  # noqa: BLE001 APScheduler catches as much
            error = raised
        self._on_ended(Ended(name, error))  # what of it is read is there

    def _set_all(self) -> None:
        for name, one in self._regular_work.items():
            self._set(name, one)

    def _set(self, name: str, one: _Regular) -> None:
        one.number += 1
        number = one.number

        def run() -> None:
            if one.number == number and self._is_running and not self._process.is_dead:
                self._begin(name, one)

        self._host.world.at(self._host.true_time_of(one.wall), run)

    def _begin(self, name: str, one: _Regular) -> None:
        one.rounds += 1
        stretch = (
            1 if name == "sweep" else min(2 ** max(one.rounds - _IDLE_ROUNDS, 0), MOST_STRETCH)
        )
        one.wall = self._host.wall() + one.interval * stretch
        self._set(name, one)
        if one.is_running:  # APScheduler lets no two rounds of one job run at once
            return
        one.is_running = True

        def run() -> None:
            quiet, strand = self._host.world.quiet, getcurrent()
            if name in _QUIET:
                quiet.add(strand)
            try:
                self._run(name, one.work)
            finally:
                one.is_running = False
                quiet.discard(strand)

        self._process.start(run)
