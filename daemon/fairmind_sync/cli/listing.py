"""What a listing is: rows, columns with their widths and cuts, notes;
which columns are for a terminal, which for a pipe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeAlias

from fairmind_sync.text import printable, web_url


class Cut(Enum):
    """What is left out of a cell that is too wide for the terminal."""

    NOTHING = auto()
    MIDDLE = auto()
    END = auto()  # but a URL's middle


class ShownOn(Enum):
    """Where a column is shown."""

    BOTH = auto()
    TERMINAL = auto()
    PIPE = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """A column's header, and what it shows of a row; a URL of the web becomes a link on a terminal.

    On a terminal of less than `needs` columns it is left out, and one that is `optional` where it would be
    empty.
    """

    name: str
    of: Callable[[Any], object]
    cut: Cut = Cut.NOTHING
    place: ShownOn = ShownOn.BOTH
    is_number: bool = False
    needs: int = 0
    optional: bool = False

    def text(self, row: Any, *, grouped: bool = False) -> str:
        """Returns the cell's text; of a number with its thousands set apart, if `grouped`."""
        value = self.of(row)
        if grouped and self.is_number and isinstance(value, int):
            return f"{value:,}"
        return "" if value is None else printable(str(value))


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows, and the columns that show them."""

    columns: Sequence[Column]
    rows: Sequence[Any]

    def in_pipe(self) -> list[Column]:
        return [column for column in self.columns if column.place is not ShownOn.TERMINAL]

    def on_terminal(self, width: int) -> list[Column]:
        shown = (column for column in self.columns if column.place is not ShownOn.PIPE)
        fitting = [column for column in shown if column.needs <= width]
        return [one for one in fitting if not one.optional or any(map(one.text, self.rows))]


class Note(str):
    """A line beside a listing, on standard error: no pipe takes it for a row."""

    __slots__ = ()


Part: TypeAlias = "str | Listing"
"""A line of text, which may be a note, or a listing."""


def link_in(text: str) -> str | None:
    """Returns the cell's text if it is a URL that a browser may open."""
    return web_url(text) if " " not in text else None
