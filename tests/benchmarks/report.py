"""What a benchmark found, as a table to read, JSON to compare, and a picture to look at."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.measure import Row

_WIDEST = 3.0
"""What is farther from its goal is drawn to the edge."""
_HEAD = ("what", "ours", "against", "theirs", "measured", "goal", "")


def table(rows: Sequence[Row]) -> str:
    """In Markdown; what isn't reached is in bold."""
    lines = [_HEAD, ("---",) * len(_HEAD), *(_cells(row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write(name: str, rows: Sequence[Row], into: Path) -> None:
    """NAME.json and NAME.svg."""
    into.mkdir(parents=True, exist_ok=True)
    found = [
        {**asdict(row), "measured": row.measured, "is_reached": row.is_reached} for row in rows
    ]
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    text = json.dumps({"benchmark": name, "machine": machine, "rows": found}, indent=2)
    (into / f"{name}.json").write_text(text + "\n")
    (into / f"{name}.svg").write_bytes(_plot(name, rows))


def _plot(name: str, rows: Sequence[Row]) -> bytes:
    """How far each row is from its goal: 1 is just reached, less is better."""
    import pygal  # noqa: PLC0415 most daemons never draw
    from pygal.style import CleanStyle  # noqa: PLC0415 as above

    shares = [
        row.measured / row.goal if row.is_at_most else row.goal / row.measured for row in rows
    ]
    chart = pygal.HorizontalBar(
        title=f"{name}: share of what the goal allows (1 and below: reached)",
        style=CleanStyle,
        print_values=True,
        formatter=lambda value: f"{value:.2f}",
        js=[],
        range=(0, min(max(1.0, *shares), _WIDEST)),
        height=160 + 60 * len(rows),
        truncate_legend=-1,
        legend_at_bottom=True,
        legend_at_bottom_columns=1,
    )
    for row, share in zip(rows, shares, strict=True):
        chart.add(f"{row.what} / {row.against}", share)
    return bytes(chart.render())


def _cells(row: Row) -> tuple[str, ...]:
    unit = "" if row.theirs is None else " ×"  # noqa: RUF001 meant
    measured = f"{row.measured:.3g}{unit}"
    bound = f"{'≤' if row.is_at_most else '≥'} {row.goal:g}{unit}"
    return (
        row.what,
        f"{row.ours:.4g} {row.unit}",
        row.against,
        "" if row.theirs is None else f"{row.theirs:.4g} {row.unit}",
        measured if row.is_reached else f"**{measured}**",
        bound,
        row.note,
    )
