"""Parses results from a text: one JSON object, a JSON array of objects, or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from fairmind_sync.errors import PayloadError
from fairmind_sync.intake.entries import prepare_all
from fairmind_sync.results.delivery import NewResult
from fairmind_sync.results.privacy import Pattern


def parse(text: str, private_fields: Sequence[Pattern]) -> list[NewResult]:
    """Returns the results that the text holds, without what `private_fields` match.

    Raises:
        PayloadError: an entry is wrong; the message says which, counted from 1, and why.
    """
    return prepare_all(_entries(text), private_fields)


def _entries(text: str) -> Iterator[Any]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        yield from _lines(text)
    else:
        yield from whole if isinstance(whole, list) else [whole]


def _lines(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise PayloadError(
                    f"line {number} is no JSON: {error}. Nothing was saved."
                ) from None
