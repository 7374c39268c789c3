"""The report's HTML tables of groups and metrics: columns, cells,
marked rows that failed, for narrow pages, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from markupsafe import Markup

from fairmind_sync.evidence.four_fifths import stands_out
from fairmind_sync.evidence.html_parts import fill, joined
from fairmind_sync.evidence.number_format import number, percent
from fairmind_sync.results.recognition import words
from fairmind_sync.results.recognition.rows import Row

MOST_ROWS = 300
_TABLE = (
    '<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
    "<tbody>\n{body}\n</tbody>\n</table></div>"
)
_HEAD, _TEXT = '<th scope="col">{}</th>', '<td data-label="{}">{}</td>'
_NUMBER = '<td data-label="{}" class="n">{}</td>'
_NUMBER_HEAD = '<th scope="col" class="n">{}</th>'
_ROW, _FAILED_ROW = "<tr>{}</tr>", '<tr class="failed">{}</tr>'
_NOTE = '<p class="note">{}</p>'
_PASSED = {True: "yes", False: "no", None: ""}


def _interval(row: Row) -> str:
    return "" if row.lower is None else f"{number(row.lower)} to {number(row.upper)}"


Column: TypeAlias = tuple[str, str, Callable[[Row], str]]
"""A column's head, the template of its cells, and what a cell says of a row."""

_VALUE: Column = ("Value", _NUMBER, lambda row: number(row.value))
_JUDGED: tuple[Column, ...] = (
    ("Threshold", _NUMBER, lambda row: number(row.threshold)),
    ("Passed", _TEXT, lambda row: _PASSED[row.passed]),
    ("Interval", _NUMBER, _interval),
    ("Count", _NUMBER, lambda row: "" if row.count is None else str(row.count)),
)
_METRIC: Column = ("Metric", _TEXT, lambda row: words.spoken(row.metric))
OF_METRICS: tuple[Column, ...] = (_METRIC, _VALUE, *_JUDGED)
OF_GROUPS: tuple[Column, ...] = (
    ("Attribute", _TEXT, lambda row: words.spoken(row.attribute or "")),
    ("Group", _TEXT, lambda row: str(row.group)),
    _METRIC,
    _VALUE,
    ("Of reference", _NUMBER, lambda row: percent(row.ratio)),
    ("Reference", _TEXT, lambda row: row.reference or ""),
    *_JUDGED,
)


def grid(rows: Sequence[Row], columns: Sequence[Column], left_out: int = 0) -> Markup | None:
    """Returns a table of the rows, without columns that say nothing; None if there are no rows.

    `left_out` is how many rows more the result has.
    """
    shown = rows[:MOST_ROWS]
    used = [column for column in columns if any(column[2](row) for row in shown)]
    if not used:
        return None
    heads = (fill(_NUMBER_HEAD if cell is _NUMBER else _HEAD, head) for head, cell, _ in used)
    body = joined((_line(row, used) for row in shown), "\n")
    hidden = len(rows) - len(shown) + left_out
    note = (
        fill(_NOTE, f"{hidden} rows more are in groups.csv or result.json.") if hidden else Markup()
    )
    return fill(_TABLE, head=joined(heads), body=body) + note


def plain_grid(
    heads: Sequence[str], lines: Sequence[Sequence[str]], left_out: int = 0
) -> Markup | None:
    """Returns a table of texts, without columns that are empty; None if there are no lines."""
    used = [place for place, _ in enumerate(heads) if any(line[place] for line in lines)]
    if not used:
        return None
    head = joined(fill(_HEAD, heads[place]) for place in used)
    body = joined(
        (
            fill(_ROW, joined(fill(_TEXT, heads[place], line[place]) for place in used))
            for line in lines
        ),
        "\n",
    )
    note = fill(_NOTE, f"{left_out} metrics more are in groups.csv.") if left_out > 0 else Markup()
    return fill(_TABLE, head=head, body=body) + note


def _line(row: Row, columns: Sequence[Column]) -> Markup:
    cells = joined(fill(cell, head, text(row)) for head, cell, text in columns)
    return fill(_FAILED_ROW if stands_out(row) else _ROW, cells)
