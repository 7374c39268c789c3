"""A daemon on a host: the product's scheduler on a machine of virtual clocks, threads and processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fairmind_sync.daemon.machine import Machine
from fairmind_sync.daemon.scheduler import Scheduler
from tests.simulation.timers import SimulatedTimers
from tests.simulation.waiting import Event, Lock, Waiters
from tests.simulation.workers import SimulatedProcesses
from tests.simulation.world import Process

if TYPE_CHECKING:
    from tests.simulation.simulated_sites import SimulatedSite

_START_S = (0.3, 1.0)
_LOOK_WHILE_WARM_S, _LOOK_WHILE_LOST_S = 10.0, 1.0
"""A watcher only tends workers then; who is lost is tended twice before anybody believes it."""


class Daemon:
    """One process of the daemon, from its start to its end or its death."""

    def __init__(self, site: SimulatedSite) -> None:
        host = self.host = site.host
        self.process = host.started("daemon")
        self._site = site
        self._processes = SimulatedProcesses(site, self.process)
        self._timers: list[SimulatedTimers] = []
        self._stopping = _Stopping(self.process, self._processes)
        self._processes.on_lost = self._stopping.nudge
        self._scheduler: Scheduler | None = None
        site.database.on_commit.append(self._notice)
        host.on_clock_set.append(self._stopping.nudge)
        self.process.on_end.append(self._forget)
        self.process.start(self._run)

    @property
    def is_alive(self) -> bool:
        return not self.process.is_dead

    def stop(self) -> None:
        """SIGTERM: ends what has begun, within the grace period."""
        self.process.start(self._end)

    def _run(self) -> None:
        self.process.sleep(self._site.world.chance.uniform(*_START_S))
        engine = self._site.database.opened_by(self.process, self.host)
        try:
            self._scheduler = Scheduler(engine, self._site.settings, machine=self._machine())
            self._scheduler.start()
        except Exception as error:  # noqa: BLE001 a daemon that can't start ends
            self._site.note_error(self.process, error)
            self.process.end()

    def _end(self) -> None:
        if self._scheduler is not None:
            self._scheduler.stop()
        self.process.end()

    def _machine(self) -> Machine:
        process, host = self.process, self.host
        return Machine(
            now=host.time,
            steady=host.steady,
            lock=lambda: Lock(process),
            event=lambda: self._stopping,  # type: ignore[arg-type,return-value]  # all of it that is called
            thread=lambda target, **_how: _Thread(process, target),  # type: ignore[arg-type]
            timers=self._made_timers,
            commits=self._site.database.store.watch,
            processes=self._processes,
            refusal=self._refusal,
            chance=self._site.world.chance,
        )

    def _made_timers(self, on_ended: Any) -> SimulatedTimers:
        self._timers.append(SimulatedTimers(self.process, self.host, on_ended))
        return self._timers[-1]

    def _refusal(self, address: str) -> str | None:
        name = "mlflow" if "mlflow" in address else "wandb"
        service = getattr(self._site, name)
        self.process.sleep(self._site.world.chance.uniform(0.001, 0.05))
        is_cut = self._site.world.now < service.away_until or name in self.host.cut_off_from
        return "the network is cut" if is_cut else None

    def _notice(self, writer: Process) -> None:
        if writer is not self.process:
            for timers in self._timers:
                timers.someone_committed(writer.name)
            self._stopping.nudge()

    def _forget(self) -> None:
        self._site.database.on_commit.remove(self._notice)
        self.host.on_clock_set.remove(self._stopping.nudge)


class _Stopping(Event):
    """The daemon's flag; its watcher looks again after a commit, a set clock, or while a worker is warm."""

    def __init__(self, process: Process, processes: SimulatedProcesses) -> None:
        super().__init__(process)
        self._processes = processes
        self._process = process

    def wait(self, timeout: float | None = None) -> bool:
        if not super().wait(self._longest()):
            self._process.sleep(self._process.world.chance.uniform(0.0, timeout or 0.0))
        return self.is_set()

    def _longest(self) -> float | None:
        if self._processes.has_lost_any:
            return _LOOK_WHILE_LOST_S
        return _LOOK_WHILE_WARM_S if self._processes.has_any else None


class _Thread:
    """A thread of a process; it ends with its work, or with the process."""

    def __init__(self, process: Process, work: Callable[[], None]) -> None:
        self._process = process
        self._work = work
        self._is_done = False
        self._waiters = Waiters(process)

    def start(self) -> None:
        self._process.start(self._run)

    def join(self) -> None:
        while not self._is_done:
            self._waiters.wait()

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._is_done = True
            self._waiters.wake()
