"""Years of trouble in minutes: seeds that a change has of its own, each of which is one run."""

from __future__ import annotations

import pytest

from tests.simulation.change_seeds import seeds_of_this_change, simulate
from tests.simulation.plan import plan_of
from tests.simulation.runs import laboratory

TIMEOUT_S = 3600
"""A part takes four minutes beside four other processes; at a tenth of the speed it takes forty."""
pytestmark = [pytest.mark.system, pytest.mark.timeout(TIMEOUT_S)]  # they compute for long

PARTS, SEEDS_A_PART = 4, 75
"""So many are run with each change, in so few tests: many at once would take turns at the caches."""
MORE_PARTS = 16
"""So many follow in `task nightly`."""


@pytest.mark.parametrize(
    "part",
    [
        *range(PARTS),
        *(
            pytest.param(part, marks=pytest.mark.nightly)
            for part in range(PARTS, PARTS + MORE_PARTS)
        ),
    ],
)
def test_no_seed_loses_doubles_or_forgets_anything(part: int) -> None:
    first = seeds_of_this_change() + part * SEEDS_A_PART
    ran = simulate("--seeds", str(SEEDS_A_PART), "--from", str(first))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith(f"{SEEDS_A_PART} seeds from {first}, ")
    assert ", 0 failures; " in ran.stdout


@pytest.mark.parametrize("seed", [8, 17, 96])
def test_a_seed_is_the_same_run_each_time(seed: int) -> None:
    with laboratory() as lab:
        assert lab.run(plan_of(seed)) == lab.run(plan_of(seed))
