"""Hosts: each has a clock of its own that drifts and is set, and sleeps with all its processes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.simulation.world import START, Process, World

DATABASE = "database"
"""What a host can be cut off from beside a provider: the database's server."""


class Host:
    """A machine; `offset` is how far its wall clock is ahead, in seconds."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.offset = 0.0
        self.drift = 0.0
        self.slept = 0.0
        self.processes: list[Process] = []
        self.ever_started: dict[str, Process] = {}
        self.cut_off_from: set[str] = set()
        self.on_clock_set: list[Callable[[], None]] = []

    @property
    def workers(self) -> list[Process]:
        return [one for one in self.processes if one.name.startswith("worker")]

    def time(self) -> datetime:
        """The wall clock."""
        return START + timedelta(seconds=self.wall())

    def wall(self) -> float:
        return self.world.now * (1 + self.drift) + self.offset

    def steady(self) -> float:
        """Seconds of a clock that nobody sets and that stands still while the host sleeps."""
        return self.world.now - self.slept

    def true_time_of(self, wall: float) -> float:
        """When the wall clock will show so many seconds, if nobody sets it."""
        return (wall - self.offset) / (1 + self.drift)

    def started(self, name: str) -> Process:
        process = Process(self.world, name)
        self.processes.append(process)
        self.ever_started[process.signature] = process
        process.on_end.append(lambda: self.processes.remove(process))
        return process

    def set_clock(self, by: float) -> None:
        self.offset += by
        self._tell_of_clock()

    def _tell_of_clock(self) -> None:
        for tell in [*self.on_clock_set]:
            tell()

    def correct_clock(self) -> None:
        """Sets the clock right, as NTP does in the end."""
        self.drift = 0.0
        self.set_clock(-self.offset)

    def sleep(self, seconds: float) -> None:
        """Suspends the machine; its wall clock goes on."""
        self.slept += seconds
        for process in self.processes:
            process.freeze(seconds)
        self.world.after(seconds, self._tell_of_clock)
