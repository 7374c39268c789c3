"""Virtual time: processes that wait, freeze and die in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.hosts import Host
from tests.simulation.waiting import Event, Lock, Pool, Queue
from tests.simulation.world import Process, World


@pytest.fixture
def world() -> World:
    return World(1)


@pytest.fixture
def process(world: World) -> Process:
    return Process(world, "one")


def noting(process: Process, seen: list[float], *sleeps: float) -> Callable[[], None]:
    def work() -> None:
        for seconds in sleeps:
            process.sleep(seconds)
            seen.append(process.world.now)

    return work


def test_a_sleep_takes_its_time_and_no_other(world: World, process: Process) -> None:
    seen: list[float] = []
    process.start(noting(process, seen, 5, 7))
    world.run(100)
    assert (seen, world.now) == ([5, 12], 100)


def test_strands_take_turns_by_the_clock(world: World, process: Process) -> None:
    seen: list[float] = []
    process.start(noting(process, seen, 9))
    process.start(noting(process, seen, 3, 1))
    world.run(10)
    assert seen == [3, 4, 9]


def test_a_frozen_process_goes_on_when_it_thaws(world: World, process: Process) -> None:
    seen: list[float] = []
    process.start(noting(process, seen, 5, 1))
    world.at(2, lambda: process.freeze(60))
    world.run(100)
    assert seen == [62, 63]


def test_a_killed_process_does_nothing_more(world: World, process: Process) -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            process.sleep(5)
        finally:
            process.sleep(1)  # what it would do on its way out
            seen.append("out")

    process.start(work)
    world.at(2, process.kill)
    world.run(10)
    assert (seen, world.crashes) == ([], [])


def test_a_process_that_kills_itself_ends_there(world: World, process: Process) -> None:
    seen: list[str] = []

    def work() -> None:
        process.kill()
        seen.append("after")

    process.start(work)
    world.run(1)
    assert seen == []


def test_a_bug_in_a_strand_is_kept(world: World, process: Process) -> None:
    process.start(lambda: 1 / 0)
    world.run(1)
    assert [type(error) for error in world.crashes] == [ZeroDivisionError]


def test_a_lock_is_held_by_one_strand_at_a_time(world: World, process: Process) -> None:
    lock, seen = Lock(process), list[float]()

    def work() -> None:
        with lock:
            process.sleep(5)
            seen.append(world.now)

    process.start(work)
    process.start(work)
    world.run(100)
    assert seen == [5, 10]


def test_an_event_ends_waiting_when_it_is_set_or_after_its_time(
    world: World, process: Process
) -> None:
    event, seen = Event(process), list[tuple[float, bool]]()

    def work() -> None:
        for seconds in (3, 60):
            is_set = event.wait(seconds)
            seen.append((world.now, is_set))

    process.start(work)
    world.at(10, event.set)
    world.run(100)
    assert seen == [(3, False), (10, True)]


def test_a_queue_hands_over_in_order(world: World, process: Process) -> None:
    queue, seen = Queue(process), list[int]()
    process.start(lambda: seen.extend([queue.get(), queue.get()]))
    world.at(1, lambda: queue.put(1))
    world.at(2, lambda: queue.put(2))
    world.run(3)
    assert seen == [1, 2]


def test_a_pool_runs_so_many_at_a_time(world: World, process: Process) -> None:
    pool, ends = Pool(process, 2), list[float]()

    def work() -> None:
        for _ in range(3):
            pool.submit(noting(process, ends, 5))
        pool.shutdown()
        ends.append(world.now)

    process.start(work)
    world.run(100)
    assert ends == [5, 5, 10, 10]


def test_a_hosts_clock_drifts_and_is_set(world: World) -> None:
    host = Host(world, "host")
    host.drift = 0.5
    world.run(10)
    host.set_clock(-3)
    assert (host.wall(), host.steady()) == (12, 10)


def test_a_steady_clock_stands_still_while_its_host_sleeps(world: World) -> None:
    host = Host(world, "host")
    host.sleep(60)
    world.run(100)
    assert (host.steady(), host.wall()) == (40, 100)
