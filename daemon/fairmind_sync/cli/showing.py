"""Shows texts and listings on standard output: drawn if it is a terminal, else lines with tabs."""

from __future__ import annotations

from collections.abc import Iterator

from fairmind_sync.cli.listing import Listing, Note, Part
from fairmind_sync.cli.output import say, write
from fairmind_sync.cli.standard_streams import standard_output


def show(*parts: Part) -> None:
    """Prints texts and listings, as they fit standard output."""
    out = standard_output()
    for part in parts:
        if isinstance(part, str):
            say(part, is_wrong=isinstance(part, Note))
        elif out.isatty():
            from fairmind_sync.cli.drawing import draw

            draw(part, out)
        else:
            for line in lines(part):
                write(line)


def lines(listing: Listing) -> Iterator[str]:
    """Yields the header and each row, for programs to read."""
    columns = listing.in_pipe()
    yield "\t".join(column.name for column in columns)
    for row in listing.rows:
        yield "\t".join(column.text(row) for column in columns)
