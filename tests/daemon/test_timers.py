"""Timers: what runs, when, and that its end is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from queue import SimpleQueue
from typing import Any

import pytest
from apscheduler.executors.pool import ThreadPoolExecutor

from fairmind_sync.clock import utc_now
from fairmind_sync.daemon.timers import Timers
from tests.support.processes import eventually

HOUR = timedelta(hours=1)
WAIT_S = 60
"""Only a failing test waits so long."""


class Ends:
    """What was told of each piece of work, as it ended."""

    def __init__(self) -> None:
        self._told: SimpleQueue[tuple[str, object]] = SimpleQueue()

    def note(self, event: Any) -> None:
        self._told.put((event.job_id, event.exception))

    def next(self) -> tuple[str, object]:
        return self._told.get(timeout=WAIT_S)


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def timers(ends: Ends) -> Iterator[Timers]:
    timers = Timers(ends.note)
    timers.start()
    yield timers
    timers.stop()


def nothing() -> None:
    """What takes no time."""


def noting(seen: list[str], what: str) -> Callable[[], None]:
    return lambda: seen.append(what)


def test_work_runs_once_after_its_while(timers: Timers, ends: Ends) -> None:
    seen: list[str] = []
    timers.once(timedelta(), noting(seen, "done"), "soon")
    assert (ends.next(), seen) == (("soon", None), ["done"])


def test_later_work_of_a_name_takes_the_place_of_what_still_waits(
    timers: Timers, ends: Ends
) -> None:
    seen: list[str] = []
    timers.once(HOUR, noting(seen, "first"), "look")
    timers.once(timedelta(), noting(seen, "second"), "look")
    ends.next()
    assert (seen, timers._scheduler.get_jobs()) == (["second"], [])


class Turns:
    """Work that takes turns, of which the first piece goes on until it may end."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self._turn = threading.Lock()

    def take(self) -> None:
        with self._turn:
            self.begun.set()
            self.may_end.wait(WAIT_S)


def test_work_that_is_asked_for_while_it_runs_runs_once_more(timers: Timers, ends: Ends) -> None:
    """It was dropped: what had been committed during a look waited for the slow poll."""
    for turns in [Turns() for _ in range(5)]:  # what ran before counts no more
        timers.once(timedelta(), turns.take, "look")
        turns.begun.wait(WAIT_S)
        timers.once(timedelta(), turns.take, "look")
        eventually(lambda: not timers._scheduler.get_jobs())
        turns.may_end.set()
        assert [ends.next(), ends.next()] == [("look", None)] * 2


def test_work_runs_at_once_with_its_arguments(timers: Timers, ends: Ends) -> None:
    seen: dict[str, int] = {}
    timers.at_once(seen.update, "now", {"number": 1})
    assert (ends.next(), seen) == (("now", None), {"number": 1})


def test_an_error_of_the_work_is_told(timers: Timers, ends: Ends) -> None:
    def fail(reason: str) -> None:
        raise ValueError(reason)

    timers.at_once(fail, "now", {"reason": "a bug"})
    name, error = ends.next()
    assert (name, repr(error)) == ("now", "ValueError('a bug')")


def test_work_runs_in_the_executor_that_it_names(timers: Timers, ends: Ends) -> None:
    seen: list[str] = []
    own = {"thread_name_prefix": "own"}
    timers.add_executor(ThreadPoolExecutor(1, pool_kwargs=own), "own")
    timers.at_once(lambda: seen.append(threading.current_thread().name), "now", {}, "own")
    ends.next()
    assert seen == ["own_0"]


def test_an_executor_can_be_replaced_by_another_of_its_name(timers: Timers, ends: Ends) -> None:
    for _ in range(2):
        timers.add_executor(ThreadPoolExecutor(1), "own")
        timers.at_once(nothing, "now", {}, "own")
        assert ends.next() == ("now", None)
        timers.remove_executor("own")


def test_regular_work_waits_for_its_interval(timers: Timers) -> None:
    timers.every(HOUR, nothing, "beat")
    (job,) = timers._scheduler.get_jobs()
    assert timedelta() < job.next_run_time - utc_now() <= HOUR
    assert job.trigger.interval == HOUR


def test_all_regular_work_runs_now_when_the_clock_was_set(timers: Timers, ends: Ends) -> None:
    for name in ("beat", "tidy"):
        timers.every(HOUR, nothing, name)
    timers.all_now(utc_now())
    assert {ends.next(), ends.next()} == {("beat", None), ("tidy", None)}


def test_regular_work_that_is_gone_is_left_out(timers: Timers, ends: Ends) -> None:
    for name in ("beat", "tidy"):
        timers.every(HOUR, nothing, name)
    timers._scheduler.remove_job("beat")
    timers.all_now(utc_now())
    assert ends.next() == ("tidy", None)
