"""Prints listings as Markdown tables (`--markdown`), for summaries of CI jobs and for issues."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from fairmind_sync.cli.listing import Listing, Part, link_in
from fairmind_sync.cli.output import write
from fairmind_sync.cli.showing import show

AsMarkdown = Annotated[
    bool, typer.Option("--markdown", help="Print a Markdown table, for the summary of a job.")
]
_MEANS_SOMETHING = re.compile(r"([\\`*_\[\]<>|~&$#])")
_NOT_IN_LINKS = {"<": "%3C", ">": "%3E", "|": "%7C"}


def show_as_markdown(parts: Sequence[Part]) -> None:
    """Prints listings as tables, with the columns and the whole cells that a pipe gets."""
    for part in parts:
        if isinstance(part, Listing):
            for line in table_lines(part):
                write(line)
        else:
            show(part)


def table_lines(listing: Listing) -> Iterator[str]:
    """Yields header, rule and a line for each row; a URL becomes a link, and nothing else is markup."""
    columns = listing.in_pipe()
    yield _line([column.name for column in columns])
    yield _line(["---:" if column.is_number else "---" for column in columns])
    for row in listing.rows:
        yield _line([_cell(column.text(row)) for column in columns])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    if link_in(text):
        return f"<{''.join(_NOT_IN_LINKS.get(char, char) for char in text)}>"
    return _MEANS_SOMETHING.sub(r"\\\1", text)
