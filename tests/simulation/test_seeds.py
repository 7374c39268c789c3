"""Years of trouble in minutes: the same seeds with each change, and faults put back that one has to find."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain

import pytest
from _pytest.mark import ParameterSet

from tests.conftest import CHECKOUT
from tests.simulation.plan import plan_of
from tests.simulation.put_back import FAULTS, PutBackFault, put_back
from tests.simulation.put_back_evidence import FAULTS_OF_EVIDENCE
from tests.simulation.put_back_hosts import FAULTS_BETWEEN_HOSTS
from tests.simulation.put_back_providers import FAULTS_OF_PROVIDERS
from tests.simulation.put_back_sweeps import FAULTS_OF_SWEEPS
from tests.simulation.put_back_workers import FAULTS_OF_WORKERS
from tests.simulation.runs import Laboratory, laboratory, told

pytestmark = pytest.mark.system  # they compute for long

SEEDS, PARTS = 300, 15
"""So many of a change's own are run by `task nightly`, in so many tests."""
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


@pytest.mark.parametrize("first", [0, 20, 40])
def test_no_seed_loses_doubles_or_forgets_anything(first: int) -> None:
    expect_no_failure(first)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(PARTS))
def test_nor_does_one_of_this_change(part: int) -> None:
    expect_no_failure(seeds_of_this_change() + part * (SEEDS // PARTS))


def expect_no_failure(first: int) -> None:
    """Of twenty seeds, in a command of its own, so that sets have one order and a seed is one run."""
    ran = simulate("--seeds", "20", "--from", str(first))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith(f"20 seeds from {first}, ")
    assert ", 0 failures; " in ran.stdout


def seeds_of_this_change() -> int:
    """Returns the first: another one whenever product or simulator change, and the same until then."""
    trees = [f"HEAD:{folder}" for folder in ("daemon/fairmind_sync", "tests/simulation")]
    asked = ["git", "rev-parse", *trees]
    shown = subprocess.run(asked, cwd=CHECKOUT, capture_output=True, check=True).stdout
    return int(hashlib.sha256(shown).hexdigest()[:10], 16)


def simulate(*options: str) -> subprocess.CompletedProcess[str]:
    """With the order of sets given: the command would start itself once more for that."""
    command = [sys.executable, "-m", "tests.simulation", *options]
    env = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.run(
        command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("seed", [8, 17, 27, 96, 501])
def test_a_seed_is_the_same_run_each_time(lab: Laboratory, seed: int) -> None:
    assert lab.run(plan_of(seed)) == lab.run(plan_of(seed))


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
