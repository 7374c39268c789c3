"""A day's traffic as fast as it is delivered: does anything grow from its second quarter to its last?"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from statistics import fmean

from fairmind_sync.storage import sqlite_file
from tests.benchmarks.measure import Row
from tests.support.processes import DaemonProcess, eventually, running_daemon
from tests.support.stage import Stage, open_stage
from tests.system.endurance.resources import look

HOURS = 24
BATCH = 8
"""Results that are saved at once."""
BACKLOG = 64
"""Deliveries; no more are pending."""
RETENTION = "60s"


def run(place: Path, *, results: int = 2880, retention: str = RETENTION) -> list[Row]:
    """One every thirty seconds of a day, at both providers; looked at each hour, when all is delivered.

    A process that one of the quarters hasn't seen is left out.
    """
    scratch = place / "scratch"
    scratch.mkdir()
    env = {"TMPDIR": str(scratch), "FAIRMIND_SYNC_RETENTION": retention}
    found: dict[str, list[list[float]]] = defaultdict(lambda: [[] for _ in range(HOURS)])
    began = time.monotonic()
    with open_stage(place, env) as stage, running_daemon(stage.env, place) as daemon:
        saved = 0
        for hour in range(HOURS):
            until = results * (hour + 1) // HOURS
            _save_steadily(stage, range(saved, until))
            saved = until
            eventually(lambda: not stage.left(), 120)
            for what, value in _sample(stage, daemon, saved, scratch):
                found[what][hour].append(value)
    note = f"{results} results in {time.monotonic() - began:.0f} s, kept for {retention}"
    return [row for what, hours in found.items() for row in _rows(what, hours, note)]


def _save_steadily(stage: Stage, numbers: range) -> None:
    for first in range(numbers.start, numbers.stop, BATCH):
        eventually(lambda: sum(stage.left().values()) <= BACKLOG - 2 * BATCH, 120)
        stage.save(range(first, min(first + BATCH, numbers.stop)))


def _sample(
    stage: Stage, daemon: DaemonProcess, saved: int, scratch: Path
) -> list[tuple[str, float]]:
    """What is counted, with its unit behind a comma, and its value."""
    usages = look(stage, daemon, saved, scratch)
    return [
        *((f"memory of {usage.process}, MB", usage.memory_mb) for usage in usages),
        *((f"descriptors of {usage.process}, ", usage.descriptors) for usage in usages),
        ("temporary files, ", usages[0].files),
        ("write-ahead log, KB", sqlite_file.wal_size(stage.engine) / 1e3),
        ("database, KB", sqlite_file.file_of(stage.engine).stat().st_size / 1e3),
    ]


def _rows(what: str, hours: list[list[float]], note: str) -> list[Row]:
    """One, or none if a quarter has not seen it."""
    quarter = HOURS // 4
    second, last = (
        [value for hour in hours[first : first + quarter] for value in hour]
        for first in (quarter, HOURS - quarter)
    )
    if not second or not last:
        return []
    name, _, unit = what.partition(", ")
    before = max(1.0, fmean(second))  # none and one are alike
    return [Row(name, "second quarter", fmean(last), before, unit, 1.1, note=note)]
