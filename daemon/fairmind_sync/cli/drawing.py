"""Draws a listing on a terminal: fits columns to its width, shortens cells, makes URLs hyperlinks.

A URL that doesn't fit is shortened in its middle, and stays whole in its hyperlink. Terminals that are known
to take no hyperlinks (OSC 8) show each URL whole, on a line of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import IO, Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from fairmind_sync.cli.listing import Column, Cut, Listing, Part, link_in

_NARROWEST = 8
_LINKLESS_TERMS, _LINKLESS_PROGRAMS = {"dumb", "unknown", "linux"}, {"Apple_Terminal"}


def console_on(out: IO[str]) -> Console:
    return Console(file=out, emoji=False, highlight=False, markup=False)


def draw(listing: Listing, out: IO[str]) -> None:
    """Draws the listing; where URLs are no links, each stands below its row."""
    console = console_on(out)
    console.print(drawn(listing, console.width), crop=False)


def drawn(part: Part, width: int) -> RenderableType:
    """Returns what rich draws of a text or a listing, on a terminal of so many columns."""
    if isinstance(part, str):
        return Text(part)
    columns = part.on_terminal(width)
    return _table(columns, part.rows) if _takes_links() else _WithUrlsBelow(columns, part.rows)


def _takes_links() -> bool:
    return not (
        os.environ.get("TERM", "") in _LINKLESS_TERMS
        or os.environ.get("TERM_PROGRAM", "") in _LINKLESS_PROGRAMS
    )


def _table(columns: Sequence[Column], rows: Sequence[Any]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(
            column.name,
            justify="right" if column.is_number else "left",
            no_wrap=column.cut is Cut.NOTHING,
        )
    for row in rows:
        table.add_row(*(_cell(column, row) for column in columns))
    return table


def _cell(column: Column, row: Any) -> RenderableType:
    text = column.text(row, grouped=True)
    return Text(text) if column.cut is Cut.NOTHING else _Fitting(text, column.cut)


class _Fitting:
    """A text on one line, shortened to the width that its column has."""

    def __init__(self, text: str, cut: Cut) -> None:
        self._text, self._cut = text, cut

    def __rich_measure__(self, _console: Console, _options: ConsoleOptions) -> Measurement:
        width = cell_len(self._text)
        return Measurement(min(_NARROWEST, width), width)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[Text]:
        link = link_in(self._text)
        shown = shortened(self._text, options.max_width, Cut.MIDDLE if link else self._cut)
        text = Text(shown)
        text.stylize(Style(link=link))  # not as the whole cell's style, which is its padding's too
        yield text


def shortened(text: str, width: int, cut: Cut) -> str:
    """Returns the text in at most so many cells of a terminal, with '…' for what was left out."""
    if cell_len(text) <= width:
        return text
    kept = width - 1
    tail = 0 if cut is Cut.END else (kept * 2) // 3  # what differs is mostly at the end
    head = set_cell_size(text, kept - tail).rstrip() if kept > tail else ""
    end = ""
    for char in reversed(text):
        if cell_len(char + end) > tail:
            break
        end = char + end
    return f"{head}…{end}"


class _WithUrlsBelow:
    """A table whose URLs stand each on a line of its own, below its row, whole at any width."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Any]) -> None:
        self._columns, self._rows = columns, rows
        self._table = _table([replace(c, of=_unless_url(c)) for c in columns], rows)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        drawn_lines = console.render_lines(self._table, options, pad=False)
        header = len(drawn_lines) - len(self._rows)
        for place, line in enumerate(drawn_lines):
            yield from line
            yield Segment.line()
            for url in self._urls(place - header):
                yield Segment(f"  {url}")
                yield Segment.line()

    def _urls(self, place: int) -> list[str]:
        if place < 0:
            return []
        texts = (column.text(self._rows[place]) for column in self._columns)
        return [text for text in texts if link_in(text)]


def _unless_url(column: Column) -> Callable[[Any], object]:
    return lambda row: None if link_in(text := column.text(row)) else text
