"""A run's database: a real one, to which processes write one after the other in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Connection, Engine, event, make_url

from fairmind_sync.errors import DiskFullError, StorageError
from fairmind_sync.storage.engine import open_engine
from fairmind_sync.storage.sqlite import BUSY_TIMEOUT_MS
from tests.simulation.faults import COMMIT, COMMITTED, FULL, TURN, Faults
from tests.simulation.hosts import Host
from tests.simulation.stores import Stores
from tests.simulation.waiting import Waiters
from tests.simulation.world import Killed, Process, World


class Database:
    """Whose turn to write it is, and who wants to know of commits."""

    def __init__(self, world: World, stores: Stores, file: Path, faults: Faults) -> None:
        self.world = world
        self.store = stores.new(file, Random(world.chance.random()))
        self._url = make_url(self.store.url)
        self.faults = faults
        self.writer: Process | None = None
        self.commits = 0
        self.has_changed = self.is_unheard = False
        self.on_commit: list[Callable[[Process], None]] = []
        self.waiting: list[Waiters] = []
        self.is_full_until = 0.0

    def opened_by(self, process: Process, host: Host) -> Engine:
        """An engine of the process's own, which ends with the process."""
        engine = open_engine(self._url, self.store.clock(host), _Turn(self, process))
        self.store.prepare(engine, process, host)
        event.listen(engine, "commit", partial(self._before_commit, process))
        process.on_end.append(engine.pool.dispose)
        return engine

    def _before_commit(self, process: Process, connection: Connection) -> None:
        process.stop_if_dead()
        self.has_changed = self.store.has_changed(connection)
        fault = self.faults.at(COMMIT, f"{COMMIT} {process.name}")
        if fault is not None and fault.effect == FULL:
            self.is_full_until = self.world.now + fault.seconds
        if self.world.now < self.is_full_until:
            process.was_disturbed = True
            raise DiskFullError
        if fault is not None and fault.effect == "no_reply":
            process.was_disturbed = self.is_unheard = True
            self.store.commit_without_reply(connection)
        if fault is not None and fault.effect == "freeze" and fault.seconds > self.store.longest_s:
            driver: Any = connection.connection.driver_connection
            self.world.after(self.store.longest_s, lambda: self._end_session(process, driver))
        strike(process, fault)

    def _end_session(self, process: Process, driver: Any) -> None:
        """The server ends a transaction in which nothing has happened for long."""
        if not process.is_dead and not driver.closed:
            self.store.end_session(driver)
            self._free_turn_of([process])

    def end_sessions(self, host: Host) -> None:
        """The server ends all sessions of the host's processes, with what they had begun."""
        self.store.end_sessions(host)
        self._free_turn_of(host.processes)

    def _free_turn_of(self, processes: Container[Process]) -> None:
        if self.writer is not None and self.writer in processes:
            self.free_turn()

    def free_turn(self) -> None:
        self.writer = None
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            one.wake()

    def sleeps(self, host: Host, seconds: float) -> None:
        """A server asks a silent host for signs of life, and then ends its sessions."""
        if seconds > self.store.silent_s:
            self.world.after(self.store.silent_s, lambda: self.end_sessions(host))

    def committed(self, process: Process) -> None:
        """Tells of the commit, if it changed anything."""
        self.commits += 1
        if self.has_changed and not self.world.is_quiet:
            for tell in [*self.on_commit]:
                tell(process)


class _Turn:
    """A process's turn to write: whoever waits longer than for locks fails."""

    def __init__(self, database: Database, process: Process) -> None:
        self._database = database
        self._process = process

    def __enter__(self) -> None:
        database, process = self._database, self._process
        world = database.world
        strike(process, database.faults.at(TURN, f"{TURN} {process.name}"))
        process.sleep(world.chance.uniform(0.0001, 0.004))
        deadline = world.now + BUSY_TIMEOUT_MS / 1000
        while database.writer is not None and not _is_free(database.writer):
            waiters = Waiters(process)
            database.waiting.append(waiters)
            waiters.wait(deadline - world.now)
            if world.now >= deadline:
                raise StorageError("the database is locked")
        database.writer = process

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        database, process = self._database, self._process
        if database.writer is process:
            database.free_turn()
        if kind is None or database.is_unheard:
            database.is_unheard = False
            database.committed(process)
        if kind is None:
            strike(process, database.faults.at(COMMITTED, f"{COMMITTED} {process.name}"))


def _is_free(writer: Process) -> bool:
    return writer.is_dead


def strike(process: Process, fault: Any) -> None:
    """Has the fault befall the process, if it is one of those that befall processes."""
    if fault is None:
        return
    if fault.effect == "kill":
        process.kill()
        raise Killed
    if fault.effect == "freeze":
        process.freeze(fault.seconds)
        process.sleep(0.0)
