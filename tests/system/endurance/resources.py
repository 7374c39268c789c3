"""`python -m tests.system.endurance.resources`: what worker processes hold after ever more deliveries.

Prints a table: after so many deliveries to each provider, what each process of the daemon has open.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import select

from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import attempts_table, outbox_table
from tests.support.deliveries import pid_of
from tests.support.processes import DaemonProcess, eventually, running_daemon
from tests.support.stage import Stage, open_stage


@dataclass(frozen=True)
class Usage:
    """Of one process, and of all temporary files and folders."""

    deliveries: int
    process: str
    descriptors: int
    threads: int
    memory_mb: float
    files: int


def run(deliveries: int, steps: int, place: Path) -> list[Usage]:
    """The usage after each step of `deliveries / steps` results to both providers."""
    scratch = place / "scratch"
    scratch.mkdir()
    env = {"TMPDIR": str(scratch), "FAIRMIND_SYNC_WORKER_IDLE_SECONDS": "3600"}
    step = deliveries // steps
    with open_stage(place, env) as stage, running_daemon(stage.env, place) as daemon:
        found: list[Usage] = []
        for first in range(0, deliveries, step):
            stage.save(range(first, first + step))
            eventually(lambda: not stage.left(), 600)
            found += look(stage, daemon, first + step, scratch)
        return found


def look(stage: Stage, daemon: DaemonProcess, deliveries: int, scratch: Path) -> list[Usage]:
    """Of the daemon and of each process that works for it at this moment."""
    parent = psutil.Process(daemon.process.pid)
    workers = _workers(stage)
    files = sum(1 for _ in scratch.rglob("*"))
    found = []
    for process in [parent, *parent.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # it ended at this moment
            if name := _name(process, parent, workers):
                found.append(
                    Usage(
                        deliveries,
                        name,
                        process.num_fds(),
                        process.num_threads(),
                        round(process.memory_info().rss / 1e6, 1),
                        files,
                    )
                )
    return found


def _workers(stage: Stage) -> dict[int, str]:
    """Which process delivers to which provider."""
    tried = select(outbox_table.c.provider, attempts_table.c.worker).join(attempts_table).distinct()
    with reading(stage.engine) as connection:
        found = connection.execute(tried).all()
    return {pid_of(worker): f"worker {provider}" for provider, worker in found}


def _name(process: psutil.Process, parent: psutil.Process, workers: dict[int, str]) -> str | None:
    if process == parent:
        return "daemon"
    if "wandb-core" in " ".join(process.cmdline()):
        return "wandb-core"
    return workers.get(process.pid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=2000, help="to each provider")
    parser.add_argument("--steps", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = run(given.deliveries, given.steps, Path(place))
    print("deliveries process       descriptors threads memory_mb temporary_files")  # noqa: T201
    for one in sorted(found, key=lambda usage: usage.process):
        print(  # noqa: T201 that is what it is for
            f"{one.deliveries:10} {one.process:13} {one.descriptors:11} {one.threads:7}"
            f" {one.memory_mb:9} {one.files:15}"
        )


if __name__ == "__main__":
    main()
