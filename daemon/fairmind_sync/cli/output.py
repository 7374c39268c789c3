"""Prints texts, JSON and errors for verbs, without control characters; `fail` ends with exit code 1."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import datetime
from typing import NoReturn

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


def write(line: str) -> None:
    """Prints a line to standard output as it is: its controls were taken out before."""
    typer.echo(line, standard_output())


def fail(message: str) -> NoReturn:
    """Prints the message to standard error, and ends the process with exit code 1."""
    with suppress(OSError):
        say(f"fairmind-sync: {message}", is_wrong=True)
    sys.exit(1)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
