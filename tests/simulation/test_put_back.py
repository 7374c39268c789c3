"""That the simulator is not blind: faults that are put back into the product have to be found."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest
from _pytest.mark import ParameterSet

from tests.simulation.plan import plan_of
from tests.simulation.put_back import FAULTS, PutBackFault, put_back
from tests.simulation.put_back_evidence import FAULTS_OF_EVIDENCE
from tests.simulation.put_back_hosts import FAULTS_BETWEEN_HOSTS
from tests.simulation.put_back_providers import FAULTS_OF_PROVIDERS
from tests.simulation.put_back_sweeps import FAULTS_OF_SWEEPS
from tests.simulation.put_back_workers import FAULTS_OF_WORKERS
from tests.simulation.runs import Laboratory, laboratory, told

pytestmark = pytest.mark.system  # they compute for long

MOST_SEEDS = 60
EVERY_FAULT = (
    *FAULTS,
    *FAULTS_OF_WORKERS,
    *FAULTS_BETWEEN_HOSTS,
    *FAULTS_OF_PROVIDERS,
    *FAULTS_OF_SWEEPS,
    *FAULTS_OF_EVIDENCE,
)


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with laboratory() as made:
        yield made


def _when_it_is_tried(fault: PutBackFault) -> ParameterSet:
    """With each change, where a plan of its own finds it; else by `task nightly`."""
    is_quick = bool(fault.events)
    return pytest.param(fault, id=fault.name, marks=() if is_quick else pytest.mark.nightly)


@pytest.mark.parametrize("fault", [*map(_when_it_is_tried, EVERY_FAULT)])
def test_a_fault_that_is_put_back_is_found(lab: Laboratory, fault: PutBackFault) -> None:
    """By its own plan; or by the seed that found it, or, once plans have changed, by another one."""
    others = () if fault.events else map(plan_of, range(MOST_SEEDS))
    with put_back(fault):
        assert any(lab.run(plan).findings for plan in chain([fault.plan], others)), "none found it"


@pytest.mark.parametrize(
    "fault", [one for one in EVERY_FAULT if one.events], ids=lambda one: one.name
)
def test_a_plan_of_its_own_fails_by_its_fault_alone(lab: Laboratory, fault: PutBackFault) -> None:
    assert lab.run(fault.plan).findings == ()


def test_a_failure_names_the_events_and_the_command_that_repeats_it(lab: Laboratory) -> None:
    fault = next(one for one in FAULTS if one.name == "a claim that takes live leases")
    plan = plan_of(fault.seed)
    with put_back(fault):
        outcome = lab.run(plan)
    lines = told(outcome).splitlines()
    assert lines[0] == f"seed {fault.seed} fails:"
    assert f"  {plan.numbers[0]}: {plan.events[0]}" in lines
    assert lines[-1] == f"repeat it: task simulate --seed {fault.seed}"
