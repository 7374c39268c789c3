"""Operators who copy a site's database and go on with the copy, or upgrade its daemons."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.carrying_out import CarryingOut
from tests.simulation.events import Step
from tests.simulation.faults import Fault
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
    """A daemon that has been at work for ten seconds."""
    made = lab.simulation(Plan(1, 1.0, 5, None, (Fault("turn copy", 1, "kill"),), (0,)))
    made.faults.are_over = True
    made.sites[0].start_daemon()
    made.world.run(10.0)
    yield made
    made.close()


def does(run: Simulation, what: str, who: str = "") -> None:
    CarryingOut(run).do(Step(run.world.now, what, who))


def test_a_site_goes_on_with_its_copy(run: Simulation) -> None:
    (site,) = run.sites
    before = site.database
    does(run, "copy")
    run.world.run(200.0)
    assert (site.old_databases, len(site.alive)) == ([before], 1)


def test_who_copies_in_haste_is_refused_and_copies_once_all_daemons_have_ended(
    run: Simulation,
) -> None:
    does(run, "copy", "in haste")
    run.world.run(30.0)
    refused = [*run.sites[0].old_databases]
    run.world.run(300.0)
    assert (refused, len(run.sites[0].old_databases)) == ([], 1)


def test_a_copy_that_was_killed_is_repeated(run: Simulation) -> None:
    run.faults.are_over = False
    does(run, "copy")
    run.world.run(400.0)
    assert ([str(one) for one in run.faults.struck], len(run.sites[0].old_databases)) == (
        ["kill at turn copy no. 1"],
        1,
    )


def test_who_saves_while_a_site_moves_waits(run: Simulation) -> None:
    (site,) = run.sites
    does(run, "copy")
    site.people.save([result_of(0, 0.0)])
    run.world.run(60.0)
    meanwhile = [*site.acknowledged]
    run.world.run(300.0)
    assert (meanwhile, len(site.acknowledged)) == ([], 1)


def test_an_upgrade_has_another_daemon_go_on_as_soon_as_the_old_one_is_gone(
    run: Simulation,
) -> None:
    (old,) = run.sites[0].alive
    does(run, "upgrade")
    run.world.run(20.0)
    (new,) = run.sites[0].alive
    assert new is not old
