"""`task simulate`: seeds for so long, or one seed again. Prints a line, and each failure with its command."""

from __future__ import annotations

import argparse
import gc
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tests.simulation.plan import Plan, plan_of
from tests.simulation.runs import Laboratory, Outcome, laboratory, shrunk, told
from tests.simulation.server_stores import server_stores
from tests.simulation.shared_plans import shared_plan_of
from tests.support.postgres import postgres_server

PLANS: dict[str, Callable[[int], Plan]] = {"sqlite": plan_of, "postgresql": shared_plan_of}
"""By the name of a database: what draws the plan of a seed."""
_HASH_SEED = "PYTHONHASHSEED"


def main() -> int:
    """Returns 1 where a seed failed."""
    if os.environ.get(_HASH_SEED) != "0":  # the order of sets is the same in each run, then
        os.environ[_HASH_SEED] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])  # noqa: S606 itself
    gc.freeze()  # what was imported stays; to look at it again and again takes time
    wanted = _arguments()
    draw = PLANS[wanted.database]
    with _laboratory(wanted.database) as lab:
        if wanted.seed is not None:
            return _one(lab, draw(wanted.seed), wanted.only)
        return _many(lab, draw, wanted)


@contextmanager
def _laboratory(database: str) -> Iterator[Laboratory]:
    """On PostgreSQL with a server of its own, in which nobody tidies at a time that no seed has chosen."""
    with ExitStack() as stack:
        if database == "sqlite":
            yield stack.enter_context(laboratory())
            return
        server = stack.enter_context(postgres_server(autovacuum="off"))
        stores = stack.enter_context(server_stores(server))
        yield stack.enter_context(laboratory(lambda _directory: stores))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="task simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeat this seed")
    parser.add_argument("--database", choices=sorted(PLANS), default="sqlite")
    parser.add_argument("--only", help="only these events of it, by number")
    parser.add_argument("--seeds", type=int, help="so many seeds")
    parser.add_argument("--from", type=int, dest="first", help="the first seed; by default any")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--failures", type=int, default=3, help="stop after so many")
    return parser.parse_args()


def _one(lab: Laboratory, plan: Plan, only: str | None) -> int:
    if only is not None:
        plan = plan.only([int(number) for number in only.split(",") if number])
    outcome = lab.run(plan)
    if outcome.findings:
        sys.stdout.write(told(outcome) + "\n")
        return 1
    sys.stdout.write(f"seed {plan.seed}: {outcome.hours:.1f} simulated hours, nothing wrong\n")
    return 0


def _many(lab: Laboratory, draw: Callable[[int], Plan], wanted: argparse.Namespace) -> int:
    first = secrets.randbelow(2**40) if wanted.first is None else wanted.first
    began, count, hours, faults, failed = time.monotonic(), 0, 0.0, 0, 0
    for seed in _seeds(first, wanted, began):
        outcome = lab.run(draw(seed))
        count, hours, faults = count + 1, hours + outcome.hours, faults + outcome.faults
        if outcome.findings:
            failed += 1
            _shrink_and_tell(lab, outcome)
        if failed >= wanted.failures:
            break
    cpu = time.process_time()
    sys.stdout.write(
        f"{count} seeds from {first}, {hours:.0f} simulated hours, {faults} faults, {failed} failures;"
        f" {hours / cpu * 60:.0f} hours a minute of CPU time\n"
    )
    return int(failed > 0)


def _seeds(first: int, wanted: argparse.Namespace, began: float) -> Iterator[int]:
    seconds = 60 * wanted.minutes or wanted.seconds
    seed = first
    while True:
        if wanted.seeds is None and time.monotonic() - began > seconds:
            return
        if wanted.seeds is not None and seed - first >= wanted.seeds:
            return
        yield seed
        seed += 1


def _shrink_and_tell(lab: Laboratory, outcome: Outcome) -> None:
    kinds = {finding.partition(":")[0] for finding in outcome.findings}

    def fails(plan: object) -> bool:
        found = lab.run(plan).findings  # type: ignore[arg-type]  # a plan
        return any(finding.partition(":")[0] in kinds for finding in found)

    sys.stdout.write(told(lab.run(shrunk(outcome.plan, fails))) + "\n")


if __name__ == "__main__":
    sys.exit(main())
