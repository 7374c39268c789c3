"""Writes results as CSV or JSON Lines, one at a time, so that a million of them need no memory."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

from fairmind_sync.cli.standard_streams import standard_output
from fairmind_sync.evidence.group_table import csv_cell
from fairmind_sync.evidence.result_json import strict

if TYPE_CHECKING:
    from fairmind_sync.outbox.result_listing import ExportedResult, ListedResult

COLUMNS = (
    *("id", "user", "model", "dataset", "type", "saved", "risk", "verdict"),
    *("passed", "failed", "removed"),
)
Write: TypeAlias = "Callable[[ExportedResult], object]"


def export_to(output: Path | None, found: Iterable[ExportedResult], *, is_csv: bool) -> int:
    """Writes the results to the file, which gets its name when it is whole, or to standard output.

    Returns:
        How many there were.
    """
    with _opened(output) as out:
        write = _csv_writer(out) if is_csv else _lines_writer(out)
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


def _csv_writer(out: TextIO) -> Write:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    return lambda one: writer.writerow(map(csv_cell, _cells(one.listed)))


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
