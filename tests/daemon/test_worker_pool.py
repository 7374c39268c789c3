"""The worker processes of a daemon: which start and end, and what becomes of those that die."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.daemon.machine import THIS_MACHINE, Machine
from fairmind_sync.daemon.worker_pool import WorkerPool
from fairmind_sync.daemon.worker_slot import SlotState, WorkerSlot
from fairmind_sync.errors import StorageError
from fairmind_sync.outbox import claims, repairs
from fairmind_sync.outbox.claims import LEASE
from fairmind_sync.relay.sweep import INTERVAL
from fairmind_sync.relay.worker_name import worker_name
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table
from tests.daemon.fakes import GONE, FakeTimers, Living, Steady, save_due
from tests.support.databases import rows
from tests.support.log_events import captured_logs


@pytest.fixture
def timers() -> FakeTimers:
    return FakeTimers()


@pytest.fixture
def time() -> Steady:
    return Steady()


@pytest.fixture
def pool(
    engine: Engine, configured: Settings, timers: FakeTimers, time: Steady
) -> Iterator[WorkerPool]:
    pool = WorkerPool(engine, configured, timers, replace(THIS_MACHINE, steady=time))
    yield pool
    for slot in pool:
        slot.empty()


@pytest.fixture
def slot(pool: WorkerPool) -> WorkerSlot:
    found = pool.get("mlflow")
    assert found is not None
    return found


def leased_by(engine: Engine, worker: str) -> None:
    save_due(engine, "mlflow")
    with writing(engine) as connection:
        claims.claim(connection, "mlflow", limit=1, lease=LEASE, worker=worker, now=utc_now())


def is_leased(engine: Engine) -> bool:
    return bool(rows(engine, outbox_table)[0].lease_expires_at > utc_now())


def test_each_slot_is_found_by_its_name(pool: WorkerPool) -> None:
    assert [pool.get(slot.name) for slot in pool] == [*pool]
    assert pool.get("look") is None


def test_a_drain_starts_in_a_process_of_its_slots_own(
    pool: WorkerPool, slot: WorkerSlot, timers: FakeTimers, configured: Settings
) -> None:
    pool.start_drain(slot, probe_now=True)
    (started,) = timers.started
    assert (started.name, started.executor, timers.executors) == ("mlflow", "mlflow", ["mlflow"])
    assert started.arguments == {
        "name": "mlflow",
        "settings": configured,
        "probe_now": True,
        "and_sweep": False,
        "and_evidence": False,
        "longest": INTERVAL,
        "parent": slot.parent,
    }


def test_a_pool_with_a_process_is_warm_and_drains_while_one_works(
    pool: WorkerPool, slot: WorkerSlot
) -> None:
    seen = [(pool.is_warm, pool.is_draining)]
    pool.start_drain(slot)
    seen.append((pool.is_warm, pool.is_draining))
    pool.drain_ended(slot, failed=False)
    seen.append((pool.is_warm, pool.is_draining))
    assert seen == [(False, False), (True, True), (True, False)]


def test_the_next_drain_has_the_same_process(
    pool: WorkerPool, slot: WorkerSlot, timers: FakeTimers
) -> None:
    pool.start_drain(slot)
    first = slot.executor
    pool.drain_ended(slot, failed=False)
    pool.start_drain(slot)
    assert (slot.executor is first, timers.executors) == (True, ["mlflow"])


def test_a_drain_after_a_failed_one_has_another_process(
    pool: WorkerPool, slot: WorkerSlot, timers: FakeTimers
) -> None:
    pool.start_drain(slot)
    first = slot.executor
    pool.drain_ended(slot, failed=True)
    pool.start_drain(slot)
    assert (slot.executor is first, timers.executors) == (False, ["mlflow"])


def test_nobody_waits_for_the_leases_of_a_process_that_died(
    engine: Engine, pool: WorkerPool, slot: WorkerSlot
) -> None:
    leased_by(engine, worker_name(GONE, slot.parent))
    slot._flags.pid.value = GONE
    pool.drain_ended(slot, failed=True)
    assert not is_leased(engine)


def test_a_process_that_lives_keeps_its_leases_after_a_failure(
    engine: Engine, configured: Settings, timers: FakeTimers
) -> None:
    machine = replace(THIS_MACHINE, processes=Living(GONE))
    pool = WorkerPool(engine, configured, timers, machine)
    slot = pool.get("mlflow")
    assert slot is not None
    leased_by(engine, worker_name(GONE, slot.parent))
    slot._flags.pid.value = GONE
    pool.drain_ended(slot, failed=True)
    assert is_leased(engine)


def test_a_drain_that_succeeded_ends_no_lease(
    engine: Engine, pool: WorkerPool, slot: WorkerSlot
) -> None:
    leased_by(engine, worker_name(GONE, slot.parent))
    slot._flags.pid.value = GONE
    pool.drain_ended(slot, failed=False)
    assert is_leased(engine)


def test_leases_that_can_not_be_ended_are_left_to_run_out(
    pool: WorkerPool, slot: WorkerSlot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(repairs, "end_leases", fail)
    slot._flags.pid.value = GONE
    slot.begin_drain()
    pool.drain_ended(slot, failed=True)
    assert slot.is_free


def test_a_process_that_died_in_a_drain_is_noticed_at_the_next_look(
    engine: Engine, pool: WorkerPool, slot: WorkerSlot
) -> None:
    leased_by(engine, worker_name(GONE, slot.parent))
    pool.start_drain(slot)
    slot._flags.pid.value = GONE
    assert slot.executor is not None
    states = []
    with captured_logs() as events:
        for is_lost in (False, True):
            slot.executor.has_lost_its_process = is_lost
            pool.tend()
            states.append(slot.state)
    assert states == [SlotState.DRAINING, SlotState.FREE]
    assert [(event["event"], event["job"]) for event in events] == [("worker.lost", "mlflow")]
    assert (slot.is_broken, is_leased(engine)) == (True, False)


def test_a_process_that_was_idle_for_long_ends(
    pool: WorkerPool,
    slot: WorkerSlot,
    timers: FakeTimers,
    configured: Settings,
    time: Steady,
) -> None:
    pool.start_drain(slot)
    pool.drain_ended(slot, failed=False)
    kept = []
    for seconds in (configured.worker_idle_seconds - 1, 1):
        time.now += seconds
        pool.tend()
        kept.append(slot.executor is not None)
    assert (kept, timers.executors) == ([True, False], [])


def test_processes_are_tended_once_a_second_while_there_are_any(
    pool: WorkerPool, slot: WorkerSlot, time: Steady, monkeypatch: pytest.MonkeyPatch
) -> None:
    tended = list[float]()
    monkeypatch.setattr(WorkerPool, "tend", lambda _pool: tended.append(time.now))
    pool.tend_now_and_then()
    pool.start_drain(slot)
    for seconds in (0.0, 0.5, 0.5, 0.9):
        time.now += seconds
        pool.tend_now_and_then()
    assert tended == [100.0, 101.0]


def test_every_process_is_asked_to_stop(pool: WorkerPool) -> None:
    pool.ask_to_stop()
    assert all(slot._flags.stop.value for slot in pool)


@dataclass(eq=False)
class Child:
    """A process: it has ended if its sentinel can be read from."""

    sentinel: int
    pid: int = GONE
    fate: str = "left alone"

    def kill(self) -> None:
        self.fate = "killed"

    def join(self) -> None:
        self.fate += " and joined"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def end(
    engine: Engine, settings: Settings, child: Child, monkeypatch: pytest.MonkeyPatch
) -> list[Any]:
    """What is logged when the pool of a daemon with this worker ends."""
    monkeypatch.setattr(multiprocessing, "active_children", lambda: [child])
    machine = Machine()
    machine.processes._made.add(child)  # type: ignore[arg-type]  # it stands in for a process
    pool = WorkerPool(engine, settings, FakeTimers(), machine)
    with captured_logs() as events:
        pool.end()
    return [(event["event"], event["pid"]) for event in events]


def test_a_process_that_ends_in_time_is_not_killed(
    engine: Engine, configured: Settings, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = Child(pipe[0])
    os.write(pipe[1], b"ended")
    assert (end(engine, configured, child, monkeypatch), child.fate) == ([], "left alone")


def test_a_process_that_does_not_end_within_the_grace_period_is_killed(
    engine: Engine, configured: Settings, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = Child(pipe[0])
    no_grace = configured.model_copy(update={"shutdown_seconds": 0.01})
    logged = end(engine, no_grace, child, monkeypatch)
    assert (logged, child.fate) == ([("worker.killed", GONE)], "killed and joined")
