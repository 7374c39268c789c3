"""What a producer imports, against SQLAlchemy alone, which any of its own kind would import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.measure import Row, p50

OURS = "fairmind_sync.bias_test_results"
THEIRS = "sqlalchemy"
_CHILD = """
import json, time
began = time.perf_counter()
import {module}
took = time.perf_counter() - began
with open("/proc/self/status") as lines:
    peak = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
print(json.dumps([took * 1e3, int(peak) / 1024]))
"""


def run(place: Path, *, rounds: int = 15) -> list[Row]:
    """Each in a fresh interpreter, whose modules are compiled already."""
    found: dict[str, list[list[float]]] = {OURS: [], THEIRS: []}
    for module in found:
        _import(module, place)
    for _ in range(rounds):
        for module, numbers in found.items():
            numbers.append(_import(module, place))
    (time, memory), (their_time, their_memory) = (
        [p50(list(column)) for column in zip(*numbers, strict=True)] for numbers in found.values()
    )
    return [
        Row(f"import {OURS} p50", f"import {THEIRS}", time, their_time, "ms", 1.25),
        Row("peak memory after it", f"import {THEIRS}", memory, their_memory, "MB", 1.15),
    ]


def _import(module: str, place: Path) -> list[float]:
    """Milliseconds, and MB at the peak."""
    child = subprocess.run(
        [sys.executable, "-c", _CHILD.format(module=module)],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[float] = json.loads(child.stdout)
    return found
