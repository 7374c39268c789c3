"""Prepares many results, each given as a mapping with the names of
a save's arguments; says which entry is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fairmind_sync.errors import PayloadError
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.intake.timestamps import when_tested
from fairmind_sync.results.delivery import NewResult
from fairmind_sync.results.privacy import Pattern

_REQUIRED = ("test_id", "model_id", "test_type", "results")
_OPTIONAL = ("user_id", "dataset_id", "metadata", "timestamp")


def prepare_all(entries: Iterable[object], private_fields: Sequence[Pattern]) -> list[NewResult]:
    """Returns the results in the form in which they are stored, without what `private_fields` match.

    Raises:
        PayloadError: an entry is wrong; the message says which, counted from 1, and why.
    """
    return [
        _prepare(entry, number, private_fields) for number, entry in enumerate(entries, start=1)
    ]


def _prepare(entry: object, number: int, private_fields: Sequence[Pattern]) -> NewResult:
    try:
        given = _arguments(entry)
        created_at = when_tested(given.pop("timestamp"))
        return prepare(**given, created_at=created_at, private_fields=private_fields)
    except PayloadError as error:
        raise PayloadError(f"result {number}: {error} Nothing was saved.") from None


def _arguments(entry: object) -> dict[str, Any]:
    if not isinstance(entry, Mapping):
        raise PayloadError("it is no object with named fields.")
    if missing := [name for name in _REQUIRED if name not in entry]:
        raise PayloadError(f"it has no {', '.join(missing)}.")
    if unknown := sorted(str(name) for name in {*entry} - {*_REQUIRED, *_OPTIONAL}):
        raise PayloadError(f"it has fields that are not known: {', '.join(unknown)}.")
    return {**dict.fromkeys(_OPTIONAL), **entry}
