"""A seed's plan, and what shrinking leaves of a failing one."""

from __future__ import annotations

from tests.simulation.faults import Fault, Faults
from tests.simulation.plan import Plan, plan_of
from tests.simulation.runs import command, shrunk
from tests.simulation.shared_plans import shared_plan_of


def test_a_seed_has_one_plan() -> None:
    assert plan_of(7) == plan_of(7)


def test_seeds_have_different_plans() -> None:
    assert len({plan_of(seed).events for seed in range(20)}) == 20


def test_a_third_of_the_seeds_have_several_hosts() -> None:
    """And half of these seeds, or more, have one without a network."""
    hosts = [plan_of(seed).hosts for seed in range(120)]
    several = [one for one in hosts if len(one) > 1]
    assert 30 <= len(several) <= 50
    assert 2 * sum(not all(one) for one in several) >= len(several)
    assert max(map(len, several)) == 4


def test_a_third_of_the_seeds_have_evidence() -> None:
    kinds = [plan_of(seed).evidence for seed in range(120)]
    assert 30 <= sum(kind != "none" for kind in kinds) <= 50
    assert {*kinds} == {"none", "result", "full"}


def test_in_half_of_the_seeds_a_sweeps_request_to_end_a_run_meets_with_something() -> None:
    faults = [plan_of(seed).faults for seed in range(120)]
    assert 45 <= sum(any(fault.at == "mlflow fail" for fault in one) for one in faults) <= 75


def test_a_part_of_a_plan_has_those_events_alone() -> None:
    plan = plan_of(7).only([0, 3])
    assert [*plan.steps, *plan.faults] == [plan.events[0], plan.events[3]]


def test_a_failing_plan_shrinks_to_the_events_that_it_takes() -> None:
    def fails(plan: Plan) -> bool:
        return {2, 5} <= {*plan.numbers}

    assert shrunk(plan_of(7), fails).numbers == (2, 5)


def test_a_whole_plan_is_repeated_by_its_seed() -> None:
    assert command(plan_of(7)) == "task simulate --seed 7"


def test_a_shrunk_plan_is_repeated_by_the_numbers_of_its_events() -> None:
    assert command(plan_of(7).only([2, 5])) == "task simulate --seed 7 --only 2,5"


def test_a_fault_strikes_its_touch_once() -> None:
    faults = Faults([Fault("commit", 2, "kill")])
    struck = [faults.at("commit", "commit daemon") for _ in range(3)]
    assert [one is not None for one in struck] == [False, True, False]


def test_no_fault_strikes_in_the_calm() -> None:
    faults = Faults([Fault("commit", 1, "kill")])
    faults.are_over = True
    assert (faults.at("commit"), faults.struck) == (None, [])


def test_a_plan_on_postgresql_says_so_in_what_repeats_it() -> None:
    plan = shared_plan_of(7)
    assert command(plan) == "task simulate --database postgresql --seed 7"


def test_plans_of_hosts_that_share_a_database_take_neither_files_nor_sticks() -> None:
    plans = [shared_plan_of(seed) for seed in range(60)]
    steps = {step.what for plan in plans for step in plan.steps}
    assert steps.isdisjoint({"copy", "export", "receipts", "network"})
    assert {len(plan.hosts) for plan in plans} == {1, 2, 3, 4}
