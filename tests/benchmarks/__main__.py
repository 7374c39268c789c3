"""`python -m tests.benchmarks [NAME]...`: runs benchmarks, prints their tables, writes JSON and pictures."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import (
    day,
    idle,
    importing,
    inline,
    latency,
    mlflow_drain,
    saving,
    scale,
    server_costs,
    server_drain,
    server_saving,
    server_scale,
    server_writers,
    starting,
    together,
    wandb_drain,
    with_evidence,
)
from tests.benchmarks.measure import Row
from tests.benchmarks.report import table, write

BENCHMARKS: dict[str, Callable[[Path], list[Row]]] = {
    "saving": saving.run,
    "inline": inline.run,
    "importing": importing.run,
    "starting": starting.run,
    "mlflow": mlflow_drain.run,
    "wandb": wandb_drain.run,
    "evidence": with_evidence.run,
    "together": together.run,
    "latency": latency.run,
    "scale": scale.run,
    "idle": idle.run,
    "day": day.run,
    "server-saving": server_saving.run,
    "server-writers": server_writers.run,
    "server-scale": server_scale.run,
    "server-drain": server_drain.run,
    "server-costs": server_costs.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--into", type=Path, default=Path("bench"), help="default: bench/")
    given = parser.parse_args()
    if unknown := set(given.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    for name in given.names or BENCHMARKS:
        with tempfile.TemporaryDirectory() as place:
            rows = BENCHMARKS[name](Path(place))
        print(f"\n{name}\n\n{table(rows)}", flush=True)  # noqa: T201 that is what it is for
        write(name, rows, given.into)


if __name__ == "__main__":
    main()
