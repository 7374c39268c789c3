"""Whether a clock that was set is told from one that runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fairmind_sync.clock import ClockWatch


class Clocks:
    """A wall clock and a monotonic one."""

    def __init__(self) -> None:
        self.wall, self.monotonic = 1_000_000.0, 50.0
        self.watch = ClockWatch(lambda: self.wall, lambda: self.monotonic)

    def run(self, seconds: float, *, drift: float = 0.0) -> None:
        self.wall += seconds + drift
        self.monotonic += seconds


@pytest.mark.parametrize("seconds", [0.1, 3600.0])
def test_a_clock_that_runs_has_not_jumped(seconds: float) -> None:
    clocks = Clocks()
    clocks.run(seconds)
    assert not clocks.watch.jump()


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_was_set_has_jumped_by_that_much(hours: int) -> None:
    clocks = Clocks()
    clocks.wall += 3600 * hours
    assert clocks.watch.jump() == timedelta(hours=hours)


def test_a_jump_is_told_until_it_is_settled() -> None:
    clocks = Clocks()
    clocks.wall += 3600
    told = [clocks.watch.jump(), clocks.watch.jump()]
    clocks.watch.settle()
    assert [*told, clocks.watch.jump()] == [timedelta(hours=1)] * 2 + [timedelta()]


def test_a_clock_that_is_corrected_bit_by_bit_has_not_jumped() -> None:
    clocks = Clocks()
    jumps = []
    for _ in range(100):
        clocks.run(0.1, drift=0.5)
        jumps.append(clocks.watch.jump())
    assert not any(jumps)
