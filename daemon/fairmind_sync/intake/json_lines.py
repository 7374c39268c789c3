"""Reads results from text: one JSON object, a JSON array of objects, or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from fairmind_sync.errors import PayloadError
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.results.delivery import NewResult
from fairmind_sync.results.privacy import Pattern

_REQUIRED = ("test_id", "model_id", "test_type", "results")
_OPTIONAL = ("user_id", "dataset_id", "metadata")


def parse(text: str, private_fields: Sequence[Pattern]) -> list[NewResult]:
    """Returns the results that the text holds, without what `private_fields` match.

    Raises:
        PayloadError: an entry is wrong; the message says which, counted from 1, and why.
    """
    return [
        _prepare(entry, number, private_fields)
        for number, entry in enumerate(_entries(text), start=1)
    ]


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


def _prepare(entry: Any, number: int, private_fields: Sequence[Pattern]) -> NewResult:
    try:
        return prepare(**_arguments(entry), private_fields=private_fields)
    except PayloadError as error:
        raise PayloadError(f"result {number}: {error} Nothing was saved.") from None


def _arguments(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise PayloadError("it is no JSON object.")
    if missing := [name for name in _REQUIRED if name not in entry]:
        raise PayloadError(f"it has no {', '.join(missing)}.")
    if unknown := sorted(set(entry) - {*_REQUIRED, *_OPTIONAL}):
        raise PayloadError(f"it has fields that are not known: {', '.join(unknown)}.")
    return {**dict.fromkeys(_OPTIONAL), **entry}
