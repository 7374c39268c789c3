"""The benchmarks themselves: goals, tables, pictures, and that the quick ones still run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.benchmarks import (
    importing,
    saving,
    scale,
    server_costs,
    server_drain,
    server_saving,
    server_scale,
    server_writers,
)
from tests.benchmarks.measure import Row, in_turns, p99
from tests.benchmarks.report import table, write

ROW = Row("a save", "raw sqlite3", 3.0, 2.0, "ms", 2.0)


@pytest.mark.parametrize(
    ("row", "measured", "is_reached"),
    [
        (ROW, 1.5, True),
        (replace(ROW, goal=1.4), 1.5, False),
        (replace(ROW, is_at_most=False), 1.5, False),
        (replace(ROW, is_at_most=False, goal=1.5), 1.5, True),
        (replace(ROW, theirs=None), 3.0, False),
    ],
)
def test_a_row_is_compared_with_its_goal(row: Row, measured: float, *, is_reached: bool) -> None:
    assert (row.measured, row.is_reached) == (measured, is_reached)


def test_what_is_not_reached_is_in_bold() -> None:
    lines = table([ROW, replace(ROW, goal=1.0)]).splitlines()
    assert ["**1.5" in line for line in lines[2:]] == [False, True]


def test_what_was_measured_is_written_to_compare(tmp_path: Path) -> None:
    write("saves", [ROW], tmp_path)
    (found,) = json.loads((tmp_path / "saves.json").read_text())["rows"]
    assert (found["what"], found["measured"], found["is_reached"]) == ("a save", 1.5, True)


def test_what_was_measured_is_drawn(tmp_path: Path) -> None:
    write("saves", [ROW], tmp_path)
    drawn = ElementTree.parse(tmp_path / "saves.svg").getroot()  # noqa: S314 our own file
    assert drawn.tag.endswith("svg")


def test_ways_take_turns() -> None:
    order: list[tuple[str, int]] = []
    in_turns(2, lambda n: order.append(("ours", n)), lambda n: order.append(("theirs", n)))
    assert order == [("ours", 0), ("theirs", 0), ("ours", 1), ("theirs", 1)]


def test_the_99th_percentile_is_near_the_worst() -> None:
    assert p99([float(number) for number in range(101)]) == 99.0


@pytest.mark.nightly
@pytest.mark.parametrize(
    "run",
    [
        lambda place: saving.run(place, saves=2, batches=2, size=3),
        lambda place: importing.run(place, rounds=1),
        lambda place: scale.run(place, small=20, large=40, looks=1, claims=1, requests=2),
        lambda place: server_saving.run(place, saves=2, batches=2, size=3),
        lambda place: server_scale.run(place, small=20, large=40, looks=1, claims=1, requests=2),
        lambda place: server_drain.run(place, runs=4, rounds=1, daemons=(2,), server_workers=1),
        lambda place: server_writers.run(place, writers=2, saves=2, rounds=1),
        lambda place: server_costs.run(place, results=100, chunks=2, turns=1),
    ],
    ids=[
        *("saving", "importing", "scale"),
        *("server-saving", "server-scale", "server-drain", "server-writers", "server-costs"),
    ],
)
def test_a_benchmark_runs(tmp_path: Path, run: Callable[[Path], list[Row]]) -> None:
    assert all(row.measured > 0 for row in run(tmp_path))
