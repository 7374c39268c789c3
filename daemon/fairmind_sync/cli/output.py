"""Prints for verbs: tables for people, JSON for programs, one line for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import IO, NoReturn

import typer

from fairmind_sync.cli.standard_streams import standard_output
from fairmind_sync.text import printable

_KEPT = "\n\t"


def say(text: str, *, is_wrong: bool = False) -> None:
    """Prints a text for people, to standard error if `is_wrong`."""
    typer.echo(printable(text, _KEPT), sys.stderr if is_wrong else standard_output())


def print_page(page: str) -> None:
    """Prints a page of HTML as it is: its controls are taken out where it is made."""
    typer.echo(page, standard_output(), nl=False)


def print_json(value: object) -> None:
    """Prints the value as JSON, with times in ISO 8601."""
    typer.echo(json.dumps(value, indent=2, default=_text), standard_output())


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a table on a terminal; elsewhere a line for the header and each row, cells separated by tabs."""
    texts = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    out = standard_output()
    if out.isatty():
        _draw(header, texts, out)
    else:
        for row in (header, *texts):
            typer.echo("\t".join(row), out)


def _draw(header: Sequence[str], rows: Sequence[Sequence[str]], out: IO[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for name in header:
        table.add_column(name, overflow="fold")  # a shortened URL opens nothing
    for row in rows:
        table.add_row(*row)
    Console(file=out, emoji=False).print(table, markup=False)


def fail(message: str) -> NoReturn:
    """Prints the message to standard error, and ends the process with exit code 1."""
    with suppress(OSError):
        say(f"fairmind-sync: {message}", is_wrong=True)
    sys.exit(1)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
