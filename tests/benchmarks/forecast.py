"""`python -m tests.benchmarks.forecast`: 1,000 backends, 100 million results a day, to both providers.

Prints what saturates first, second, third; a day hour by hour; sizes. Any number can be another:
`--peak 5 --daemons 100`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from tests.benchmarks.forecast_model import (
    AS_IT_COMES,
    PROVIDERS,
    Costs,
    Hour,
    Load,
    Means,
    World,
    day,
    days_of_transaction_ids,
    limits,
    sizes,
    vacuum_seconds,
)

Part = TypeVar("Part", Load, Costs, Means)
AGES = (1, 30, 365)
_PARTS = (Load, Costs, Means)


def main(arguments: Sequence[str] | None = None) -> None:
    world = _world(arguments)
    print("\n".join(report(world)))  # noqa: T201 that is what it is for


def report(world: World) -> Iterator[str]:
    load, as_it_comes = world.load, replace(world, means=AS_IT_COMES)
    yield f"{load.results_a_day:,.0f} results a day: {load.mean:,.0f}/s, at the peak {load.peak:g} times that"
    yield "\n## What saturates first, as it comes\n"
    yield from _limits(as_it_comes)
    last = day(as_it_comes)[-1]
    left = ", ".join(f"{count / 1e6:.0f} M to {name}" for name, count in last.backlog.items())
    yield f"\nAfter the first day wait {left}; {last.waiting / 1e6:.1f} M saves were not taken."
    yield "\n## What saturates first, with the means given\n"
    yield from _limits(world)
    yield "\n## The day\n"
    yield from _day(settled(world))
    yield "\n## Sizes\n"
    yield from _sizes(world)
    yield "\n## Counted\n"
    yield from _counted(world)


def settled(world: World) -> list[Hour]:
    """A day after another like it: it begins with what that one left."""
    return day(world, day(world)[-1].backlog)


def _limits(world: World) -> Iterator[str]:
    yield from _head("", "what", "results a day", "of the mean", "what raises it")
    for place, limit in enumerate(limits(world), start=1):
        share = limit.results_a_second / world.load.mean
        cells = (f"{place}", limit.what, f"{limit.results_a_day / 1e6:,.1f} M", f"{share:.2f}")
        yield _line(*cells, limit.remedy)


def _day(hours: list[Hour]) -> Iterator[str]:
    yield from _head(
        *("hour", "offered/s", "saved, M", "not taken, M", "backlog W&B, M", "backlog MLflow, M"),
        *("log, MB/s", "PostgreSQL's cores", "dead rows, M"),
    )
    for hour in hours:
        amounts = (hour.saved, hour.waiting, *(hour.backlog[name] for name in PROVIDERS))
        yield _line(
            *(f"{hour.number}", f"{hour.offered_a_second:,.0f}"),
            *(f"{amount / 1e6:.1f}" for amount in amounts),
            *(f"{hour.log_bytes_a_second / 1e6:.0f}", f"{hour.postgres_cores:.1f}"),
            f"{hour.dead_rows / 1e6:.1f}",
        )


def _sizes(world: World) -> Iterator[str]:
    yield from _head("against growth", *(f"after {age} days, TB" for age in AGES))
    for way, bytes_ in sizes(world, AGES).items():
        yield _line(way, *(f"{size / 1e12:.2f}" for size in bytes_))


def _counted(world: World) -> Iterator[str]:
    load, costs, means = world.load, world.costs, world.means
    peak = load.mean * load.peak
    sessions = load.backends * load.connections_a_backend
    busy = peak * (costs.save_cpu_s + costs.commit_s) + 2 * load.mean * costs.record_s * 3
    daemons = load.mean / min(2 * costs.wandb_worker_runs, costs.mlflow_worker_runs)
    yield from _head("what", "how much")
    yield _line("daemons for the mean", f"{math.ceil(daemons)}")
    yield _line("W&B projects for the mean", f"{math.ceil(load.mean / costs.wandb_project_runs)}")
    yield _line("MLflow cores for the mean", f"{math.ceil(load.mean * costs.mlflow_run_cpu_s)}")
    memory = sessions * costs.server_connection_bytes / 1e9
    yield _line("sessions without a pooler", f"{sessions:,}, {memory:.0f} GB of memory")
    yield _line("sessions that are busy at the peak", f"{busy:.0f}")
    for days in (1, 365):
        seconds = vacuum_seconds(world, days)
        rows = 2 * load.mean * costs.dead_rows * seconds
        yield _line(
            f"vacuum's pass over a table of {days} days",
            f"{seconds / 3600:.1f} h, in which {rows / 1e6:,.0f} M rows die",
        )
    yield _line("transaction ids last", f"{days_of_transaction_ids(world):.1f} days")
    rows = load.mean * costs.count_rows * means.fold_every_s
    yield _line("rows to fold", f"{rows:,.0f} in {rows * costs.fold_row_s:.2f} s")


def _head(*cells: str) -> Iterator[str]:
    yield _line(*cells)
    yield _line(*("---",) * len(cells))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _world(arguments: Sequence[str] | None) -> World:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.forecast", description=__doc__
    )
    for part in _PARTS:
        group = parser.add_argument_group(part.__name__)
        for one in fields(part):
            text = f"{one.metadata['source']} (default: {one.default:g})"
            name = f"--{one.name.replace('_', '-')}"
            group.add_argument(name, type=float, help=text.replace("%", "%%"), metavar="N")
    given = {
        name: value
        for name, value in vars(parser.parse_args(arguments)).items()
        if value is not None
    }
    return World(_with(Load(), given), _with(Costs(), given), _with(Means(), given))


def _with(part: Part, given: dict[str, Any]) -> Part:
    """The part with those of the values that are its own, each of its field's kind."""
    kinds: dict[str, Any] = {one.name: type(one.default) for one in fields(part)}
    own = {name: kinds[name](value) for name, value in given.items() if name in kinds}
    return replace(part, **own)


if __name__ == "__main__":
    main()
