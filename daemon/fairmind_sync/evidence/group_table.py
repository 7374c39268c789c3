"""The table of groups and metrics as data, for trackers and
spreadsheets: groups.json and groups.csv. Pure.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fairmind_sync.evidence.cells import Cell, csv_cell, json_cell
from fairmind_sync.evidence.file_names import RESULT
from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.recognition.rows import Row, compared
from fairmind_sync.results.recognition.scope import attributes_in
from fairmind_sync.results.recognition.shapes import rows_in

MOST_ROWS = 5_000
"""MLflow's page of a table stands still at 20,000 rows, and W&B's tables take 10,000."""
COLUMNS = (
    *("attribute", "group", "metric", "value", "count", "reference", "difference", "ratio"),
    *("threshold", "passed", "ci_lower", "ci_upper"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """At most `MOST_ROWS` rows; `left_out` is how many more the result has."""

    rows: tuple[Row, ...]
    left_out: int = 0


def table_of(result: SavedResult) -> Table:
    """Returns the rows of all numbers that are recognised, groups compared with their reference group.

    A group without an attribute belongs to the one that the metadata name, if they name a single one.
    """
    named = attributes_in(result.metadata)
    attribute = named[0] if len(named) == 1 else None
    rows = compared(
        _with_attribute(row, attribute) for row in rows_in(result.results, result.metadata)
    )
    return Table(tuple(rows[:MOST_ROWS]), max(0, len(rows) - MOST_ROWS))


def groups_json(table: Table) -> str:
    """Returns the table as MLflow's page shows tables: names of columns, and rows."""
    content = {
        "columns": [*COLUMNS],
        "data": [[json_cell(cell) for cell in line] for line in _lines(table)],
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"


def groups_csv(table: Table) -> str:
    """Returns the table as CSV with a header line; a text that a spreadsheet would compute begins with '."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([csv_cell(cell) for cell in line] for line in _lines(table))
    return text.getvalue()


def _lines(table: Table) -> Iterator[Sequence[Cell]]:
    """Yields the rows' cells; where rows were left out, at the end a line that says so."""
    yield from map(cells, table.rows)
    if table.left_out:
        said = f"({table.left_out} rows more are in {RESULT} alone)"
        yield [said if name == "metric" else None for name in COLUMNS]


def cells(row: Row) -> Sequence[Cell]:
    """Returns the row's values in the order of `COLUMNS`."""
    return (
        *(row.attribute, row.group, row.metric, row.value, row.count, row.reference),
        *(row.difference, row.ratio, row.threshold, row.passed, row.lower, row.upper),
    )


def _with_attribute(row: Row, attribute: str | None) -> Row:
    is_unknown = row.group is not None and row.attribute is None
    return replace(row, attribute=attribute) if is_unknown else row
