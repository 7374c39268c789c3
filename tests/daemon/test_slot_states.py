"""One worker slot: what may be done with it, and what its process's end means."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from fairmind_sync.clock import utc_now
from fairmind_sync.daemon.machine import THIS_MACHINE, Machine
from fairmind_sync.daemon.worker_slot import SlotState, WorkerSlot
from fairmind_sync.relay.worker_name import worker_name
from fairmind_sync.settings import Settings
from tests.daemon.fakes import GONE, Living, Steady
from tests.support.clock import NOW

MOMENT = timedelta(microseconds=1)
LONGEST_PAUSE = timedelta(minutes=1)


class Certain(Random):
    """The longest delay."""

    def random(self) -> float:
        return 1.0


@pytest.fixture
def time() -> Steady:
    return Steady()


def slot_of(machine: Machine) -> WorkerSlot:
    return WorkerSlot("wandb", Settings(provider="both"), machine=machine)


@pytest.fixture
def slot(time: Steady) -> WorkerSlot:
    slot = slot_of(Machine(steady=time, chance=Certain()))
    slot.not_before = NOW
    return slot


def test_a_new_slot_is_free_and_may_start_at_once() -> None:
    slot = WorkerSlot("wandb", Settings(provider="both"))
    assert (slot.state, slot.may_start(utc_now())) == (SlotState.FREE, True)


def test_a_slot_is_named_by_its_provider_and_number() -> None:
    slots = [WorkerSlot("wandb", Settings(), number) for number in (1, 2)]
    found = [(slot.name, slot.is_first) for slot in slots]
    assert found == [("wandb", True), ("wandb-2", False)]


def test_a_slot_that_has_to_wait_may_start_at_that_time(slot: WorkerSlot) -> None:
    assert [slot.may_start(now) for now in (NOW - MOMENT, NOW)] == [False, True]


@pytest.mark.parametrize(
    ("begin", "state"),
    [
        (WorkerSlot.begin_connecting, SlotState.CONNECTING),
        (WorkerSlot.begin_drain, SlotState.DRAINING),
    ],
)
def test_a_slot_at_work_may_not_start(slot: WorkerSlot, begin: object, state: SlotState) -> None:
    assert callable(begin)
    begin(slot)
    assert (slot.state, slot.is_free, slot.may_start(NOW)) == (state, False, False)


def test_a_slot_that_ended_connecting_is_free(slot: WorkerSlot) -> None:
    slot.begin_connecting()
    slot.end_connecting()
    assert slot.state is SlotState.FREE


def test_a_slot_whose_drain_succeeded_may_start_at_once(slot: WorkerSlot) -> None:
    slot.begin_drain()
    slot.end_drain(failed=False, now=NOW)
    assert (slot.may_start(NOW), slot.is_broken) == (True, False)


def failures(slot: WorkerSlot, count: int) -> list[timedelta]:
    """How long the slot waits after each of so many failures."""
    waits = []
    for _ in range(count):
        slot.begin_drain()
        slot.end_drain(failed=True, now=NOW)
        waits.append(slot.not_before - NOW)
    return waits


def test_a_slot_waits_ever_longer_after_failures_up_to_a_minute(slot: WorkerSlot) -> None:
    waits = failures(slot, 7)
    assert [wait.total_seconds() for wait in waits] == [2, 4, 8, 16, 32, 60, 60]


def test_a_success_lets_failures_be_counted_anew(slot: WorkerSlot) -> None:
    failures(slot, 3)
    slot.end_drain(failed=False, now=NOW)
    assert failures(slot, 1) == [timedelta(seconds=2)]


def test_a_slot_whose_drain_failed_is_broken_until_it_is_emptied(slot: WorkerSlot) -> None:
    slot.end_drain(failed=True, now=NOW)
    was_broken = slot.is_broken
    slot.empty()
    assert (was_broken, slot.is_broken) == (True, False)


def test_a_slot_whose_process_has_not_started_has_no_dead_worker(slot: WorkerSlot) -> None:
    assert slot.dead_worker() is None


def test_a_process_that_is_gone_is_named_as_in_its_attempts(slot: WorkerSlot) -> None:
    slot._flags.pid.value = GONE
    assert slot.dead_worker() == worker_name(GONE, slot.parent)


def test_a_process_that_lives_is_no_dead_worker() -> None:
    slot = slot_of(replace(THIS_MACHINE, processes=Living(GONE)))
    slot._flags.pid.value = GONE
    assert slot.dead_worker() is None


def test_an_emptied_slot_has_no_process_any_more(slot: WorkerSlot) -> None:
    slot.fill()
    slot._flags.pid.value = GONE
    slot.empty()
    assert (slot.executor, slot.dead_worker()) == (None, None)


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_process_is_lost_that_its_executor_has_lost_with_a_drain(
    slot: WorkerSlot, is_lost: bool
) -> None:
    executor = slot.fill()
    slot.begin_drain()
    executor.has_lost_its_process = is_lost
    assert slot.has_lost_its_process() == is_lost


def test_a_slot_whose_drain_has_ended_has_lost_nothing(slot: WorkerSlot) -> None:
    slot.fill().has_lost_its_process = True
    assert not slot.has_lost_its_process()


def test_a_process_is_idle_from_the_end_of_its_drain(slot: WorkerSlot, time: Steady) -> None:
    slot.end_drain(failed=False, now=NOW)
    looks = []
    for seconds in (29.0, 1.0):
        time.now += seconds
        looks.append(slot.is_idle_for(30))
    assert looks == [False, True]


def test_a_process_at_work_is_not_idle(slot: WorkerSlot, time: Steady) -> None:
    slot.end_drain(failed=False, now=NOW)
    time.now += 60
    slot.begin_drain()
    assert not slot.is_idle_for(30)


def test_a_slot_without_a_process_is_not_idle(slot: WorkerSlot) -> None:
    slot.end_drain(failed=False, now=NOW)
    slot.empty()
    assert not slot.is_idle_for(0)


def test_a_slot_asks_its_process_to_stop(slot: WorkerSlot) -> None:
    slot.ask_to_stop()
    assert slot._flags.stop.value
