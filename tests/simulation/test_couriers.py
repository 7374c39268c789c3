"""Sticks between a host without a network and one that has one: slow, lost, brought twice, taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.couriers import CarriedStick
from tests.simulation.people import result_of
from tests.simulation.plan import Plan
from tests.simulation.runs import Laboratory, laboratory
from tests.simulation.simulation import Simulation


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with laboratory() as made:
        yield made


@pytest.fixture
def run(lab: Laboratory) -> Iterator[Simulation]:
    """The first host has a network, and no daemon yet; at the other, a result waits."""
    made = lab.simulation(Plan(1, 1.0, 5, None, (), (), (True, False)))
    made.sites[1].people.save([result_of(0, 0.0)])
    made.world.run(10.0)
    yield made
    made.close()


def exported(run: Simulation, seconds: float) -> CarriedStick:
    """A stick from home to the courier, sent just now."""
    run.couriers.export(run.sites[1], run.sites[0], seconds)
    run.world.run(run.world.now + 1.0)
    return run.couriers.sticks[-1]


def test_a_stick_is_read_after_its_way(run: Simulation) -> None:
    stick = exported(run, 60.0)
    run.world.run(1000.0)
    assert [int(at) for at in stick.read_at] == [70]


def test_a_lost_stick_is_read_by_nobody(run: Simulation) -> None:
    stick = exported(run, 0.0)
    run.world.run(1000.0)
    assert (stick.is_lost, stick.read_at) == (True, [])


def test_a_lost_stick_can_turn_up(run: Simulation) -> None:
    stick = exported(run, 0.0)
    run.couriers.bring_again(run.sites[1], 60.0)
    run.world.run(1000.0)
    assert len(stick.read_at) == 1


def test_a_destroyed_stick_is_taken_back_and_never_turns_up(run: Simulation) -> None:
    stick = exported(run, 0.0)
    run.couriers.take_back(run.sites[1])
    run.world.run(100.0)
    run.couriers.bring_again(run.sites[1], 60.0)
    run.world.run(1000.0)
    assert (stick.is_taken_back, stick.read_at) == (True, [])


def test_what_another_stick_holds_too_is_not_taken_back(run: Simulation) -> None:
    exported(run, 0.0)
    run.couriers.export(run.sites[1], run.sites[0], 60.0, again=True)
    run.world.run(12.0)
    run.couriers.take_back(run.sites[1])
    run.world.run(1000.0)
    assert [stick.is_taken_back for stick in run.couriers.sticks] == [False, False]


def test_by_mistake_what_was_read_is_taken_back(run: Simulation) -> None:
    stick = exported(run, 60.0)
    run.world.run(100.0)
    run.couriers.take_back(run.sites[1], by_mistake=True)
    run.world.run(1000.0)
    assert (stick.is_taken_back, len(stick.read_at)) == (True, 1)


def test_a_deleted_run_is_the_one_of_the_same_result_at_home(run: Simulation) -> None:
    """The courier had saved the result before it came: it is delivered once, under the courier's key."""
    run.sites[0].people.save([result_of(0, 0.0)])
    exported(run, 60.0)
    run.world.run(1000.0)
    keys = [
        site.database.store.rows("SELECT delivery_key FROM outbox WHERE provider = 'wandb'")
        for site in run.sites
    ]
    (courier,), (home,) = keys
    run.deleted_runs.add(courier["delivery_key"])
    assert run.deleted_keys() == {courier["delivery_key"], home["delivery_key"]}
