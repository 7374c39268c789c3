"""The watchdog by itself: what takes too long, by a clock that nobody sets, and what is said of it last."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from ctypes import c_bool
from datetime import timedelta
from typing import Any

import pytest

from fairmind_sync.relay import watchdog
from fairmind_sync.relay.watchdog import HUNG, Watchdog
from tests.support.log_events import captured_logs

LONGEST = timedelta(seconds=45)


class EndedError(Exception):
    """In the place of the end of this process, or of the test."""


class Time:
    """In the place of the module `time`; each sleep does what comes next in the test's list."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self.steps = list(steps)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if not self.steps:
            raise EndedError
        self.steps.pop(0)()

    def pass_(self, seconds: float) -> Callable[[], None]:
        def later() -> None:
            self.now += seconds

        return later


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(watchdog, "time", time)
    return time


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    codes: list[int] = []

    def exit_(code: int) -> None:
        codes.append(code)
        raise EndedError

    monkeypatch.setattr(os, "_exit", exit_)
    return codes


def guard(dog: Watchdog) -> list[Any]:
    """Until the process would end, or the time of the test is over; what was logged."""
    with captured_logs() as events, pytest.raises(EndedError):
        dog.guard()
    return events


def test_a_batch_that_takes_too_long_ends_the_process(time: Time, exits: list[int]) -> None:
    dog = Watchdog()
    dog.watch(LONGEST)
    time.steps = [time.pass_(45.0), time.pass_(0.5)]
    hangs = {"event": "worker.hung", "pid": os.getpid(), "log_level": "error"}
    assert (guard(dog), exits, len(time.slept)) == ([hangs], [HUNG], 2)


def test_a_batch_has_all_of_its_time(time: Time, exits: list[int]) -> None:
    dog = Watchdog()
    dog.watch(LONGEST)
    time.steps = [time.pass_(45.0)]
    assert (guard(dog), exits) == ([], [])


def test_a_batch_that_has_ended_ends_no_process(time: Time, exits: list[int]) -> None:
    dog = Watchdog()
    dog.watch(LONGEST)
    time.steps = [lambda: dog.watch(None), time.pass_(3600.0)]
    assert (guard(dog), exits) == ([], [])


def test_the_last_word_is_said_before_the_end(time: Time, exits: list[int]) -> None:
    dog, said = Watchdog(), list[list[int]]()
    dog.watch(LONGEST, lambda: said.append([*exits]))
    time.steps = [time.pass_(46.0)]
    guard(dog)
    assert (said, exits) == ([[]], [HUNG])


def test_a_last_word_that_hangs_keeps_nobody_alive(
    time: Time, exits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "_LONGEST_WORD_S", 0.01)
    dog, never = Watchdog(), threading.Event()
    dog.watch(LONGEST, never.wait)
    time.steps = [time.pass_(46.0)]
    guard(dog)
    never.set()
    assert exits == [HUNG]


def test_a_last_word_is_of_one_watch_only(time: Time, exits: list[int]) -> None:
    dog, said = Watchdog(), list[str]()
    dog.watch(LONGEST, lambda: said.append("hung"))
    dog.watch(LONGEST)
    time.steps = [time.pass_(46.0)]
    guard(dog)
    assert (said, exits) == ([], [HUNG])


def test_where_nothing_is_watched_nothing_ends(time: Time, exits: list[int]) -> None:
    time.steps = [time.pass_(3600.0)] * 3
    assert (guard(Watchdog()), exits) == ([], [])


def test_the_watchdog_looks_twice_a_second(time: Time, exits: list[int]) -> None:
    time.steps = [time.pass_(0.5)] * 2
    guard(Watchdog())
    assert time.slept == [0.5] * 3


def test_a_worker_should_stop_once_its_parent_says_so() -> None:
    dog = Watchdog()
    dog.stop = stop = c_bool(False)
    asked = [dog.should_stop()]
    stop.value = True
    assert [*asked, dog.should_stop()] == [False, True]


def test_a_worker_that_nobody_stops_goes_on() -> None:
    assert not Watchdog().should_stop()
