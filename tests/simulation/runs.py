"""Carries seeds out, one after the other, and shrinks the plan of one that fails."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from fairmind_sync.settings import Settings
from tests.simulation.oracle import findings
from tests.simulation.plan import Plan
from tests.simulation.simulation import Simulation
from tests.simulation.stores import FileStores, Stores
from tests.support import compiled_sql


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a plan: how long it was in virtual time, what struck, and what is wrong.

    `commits` is how often anything was committed: the same in each run of a plan.
    """

    plan: Plan
    hours: float
    faults: int
    commits: int
    findings: tuple[str, ...]


class Laboratory:
    """A directory in memory, where databases come from, and settings for many runs."""

    def __init__(self, directory: Path, stores: Stores) -> None:
        self._directory = directory
        self._stores = stores
        self._settings = Settings(provider="both", evidence="none")

    def simulation(self, plan: Plan) -> Simulation:
        """The plan's world, in which nothing has happened yet."""
        return Simulation(plan, self._stores, self._directory, self._settings)

    def run(self, plan: Plan) -> Outcome:
        """Carries the plan out, and has the oracle judge it."""
        simulation = self.simulation(plan)
        try:
            simulation.run()
            found = findings(simulation)
        finally:
            simulation.close()
        steps = sum(step.what not in ("save", "save again") for step in plan.steps)
        struck = steps + len(simulation.faults.struck)
        commits = simulation.commits
        return Outcome(plan, simulation.world.now / 3600.0, struck, commits, tuple(found))


@contextmanager
def laboratory(stores: Callable[[Path], Stores] = FileStores) -> Iterator[Laboratory]:
    """A laboratory whose files go at the end; nothing is logged meanwhile."""
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 a directory of its own is made there
    compiled_sql.share()
    directory = Path(tempfile.mkdtemp(prefix="fairmind-sync-simulation-", dir=in_memory))
    before = structlog.get_config()
    pools = logging.getLogger("sqlalchemy.pool")  # which tells of each connection that is lost
    pools.setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield Laboratory(directory, stores(directory))
    finally:
        structlog.configure(**before)
        pools.setLevel(logging.NOTSET)
        shutil.rmtree(directory)


def shrunk(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """Returns the plan with ever fewer events, as long as it fails: delta debugging by Zeller, 2002."""
    parts = 2
    while len(plan.numbers) > 1:
        size = max(len(plan.numbers) // parts, 1)
        for first in range(0, len(plan.numbers), size):
            fewer = plan.only(plan.numbers[:first] + plan.numbers[first + size :])
            if fails(fewer):
                plan, parts = fewer, max(parts - 1, 2)
                break
        else:
            if size == 1:
                return plan
            parts *= 2
    return plan


def command(plan: Plan) -> str:
    """What repeats the plan exactly."""
    is_whole = len(plan.numbers) == len(plan.events)
    only = "" if is_whole else f" --only {','.join(map(str, plan.numbers))}"
    where = " --database postgresql" if plan.is_shared else ""
    return f"task simulate{where} --seed {plan.seed}{only}"


def told(outcome: Outcome) -> str:
    """What is wrong, the events that it takes, and the command that repeats it."""
    plan = outcome.plan
    lines = [
        f"seed {plan.seed} fails:",
        *(f"  {finding}" for finding in outcome.findings),
        "with:",
        *(f"  {number}: {plan.events[number]}" for number in plan.numbers),
        f"repeat it: {command(plan)}",
    ]
    return "\n".join(lines)
