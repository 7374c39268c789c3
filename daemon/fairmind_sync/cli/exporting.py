"""Writes results to a file as CSV or JSON Lines, one at a time, so that a million need no memory."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from fairmind_sync.cli.standard_streams import standard_output
from fairmind_sync.evidence.cells import csv_cell
from fairmind_sync.evidence.result_json import strict
from fairmind_sync.results.metric_names import numbers_by_name
from fairmind_sync.results.readable_keys import USUAL_RULES, readable_keys

if TYPE_CHECKING:
    from fairmind_sync.outbox.result_listing import ExportedResult, ListedResult

COLUMNS = (
    *("id", "user", "model", "dataset", "type", "tested", "risk", "verdict"),
    *("passed", "failed", "removed"),
)
Write: TypeAlias = "Callable[[ExportedResult], object]"
Results: TypeAlias = "Iterable[ExportedResult]"


def export_csv(output: Path | None, found: Callable[[], Results]) -> int:
    """Writes a line for each result, with a column for each metric that one of them has, by name.

    What is written to is the file, which gets its name when it is whole, or standard output. The results are
    read twice, by two calls: the first finds the metrics.

    Returns:
        How many there were.
    """
    metrics = sorted({name for one in found() for name in _metrics(one.record)})
    return _written(output, lambda out: _csv_writer(out, metrics), found())


def export_lines(output: Path | None, found: Results) -> int:
    """Writes the whole content of each result, an object a line, to where `export_csv` writes.

    Returns:
        How many there were.
    """
    return _written(output, _lines_writer, found)


def _written(output: Path | None, writer: Callable[[TextIO], Write], found: Results) -> int:
    with _opened(output) as out:
        write = writer(out)
        count = 0
        for one in found:
            write(one)
            count += 1
    return count


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Yields what is written to: a file gets its name at the end.

    A device or a pipe stays what it is; so does a symbolic link, as /dev/stdout is one.
    """
    if output is None:
        yield standard_output()
        standard_output().flush()
    elif output.is_symlink() or (output.exists() and not output.is_file()):
        with output.open("w", encoding="utf-8", newline="") as out:
            yield out
    else:
        unfinished = output.with_name(f"{output.name}.{os.getpid()}.part")
        try:
            with unfinished.open("w", encoding="utf-8", newline="") as out:
                yield out
            unfinished.replace(output)
        finally:
            unfinished.unlink(missing_ok=True)


def _csv_writer(out: TextIO, metrics: Sequence[str]) -> Write:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, *(csv_cell(_column(name)) for name in metrics)])

    def write(one: ExportedResult) -> None:
        numbers = _metrics(one.record)
        cells = [*_cells(one.listed), *map(numbers.get, metrics)]
        writer.writerow(map(csv_cell, cells))

    return write


def _column(metric: str) -> str:
    """Returns the metric's name; no name of a metric has brackets, so none is taken twice."""
    return f"{metric} (metric)" if metric in COLUMNS else metric


def _metrics(record: Mapping[str, Any]) -> dict[str, float]:
    """Returns the result's numbers by the keys that they have in runs."""
    numbers = numbers_by_name(record["results"], record["metadata"]).by_name
    keys = readable_keys(numbers, USUAL_RULES)
    return {keys[name]: number for name, number in numbers.items()}


def _cells(one: ListedResult) -> tuple[str | int | None, ...]:
    return (
        *(one.test_id, one.user_id, one.model_id, one.dataset_id, one.test_type),
        *(one.saved_at.isoformat(), one.risk, one.verdict),
        *(one.metrics_passed, one.metrics_failed, one.removed),
    )


def _lines_writer(out: TextIO) -> Write:
    def write(one: ExportedResult) -> None:
        more = {
            "revision": one.listed.revision,
            "verdict": one.listed.verdict,
            "removed": one.listed.removed,
        }
        out.write(json.dumps(strict(one.record | more), allow_nan=False) + "\n")

    return write
