"""Removes private fields from a result before the result is stored, by patterns of their paths. Pure.

A pattern is a path from `results` or `metadata`, joined by dots: `metadata.email`, `results.groups.*.names`.
A part may hold `*` and `?`; the part `**` stands for any number of parts; a list's items count from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TypeAlias

from fairmind_sync.results.payload import Json

Pattern: TypeAlias = tuple[str, ...]
ROOTS = ("results", "metadata")
_ANY_DEPTH = "**"


def parse(pattern: str) -> Pattern:
    """Returns the pattern as the parts of its path.

    Raises:
        ValueError: the pattern can't match any field.
    """
    root, *below = pattern.split(".")
    if root not in (*ROOTS, _ANY_DEPTH) or not below or not all(below):
        raise ValueError(f"{pattern!r} is no path such as metadata.email, results.*.name or **.ssn")
    return (root, *below)


def without_private(value: Json, root: str, patterns: Sequence[Pattern]) -> Json:
    """Returns the value without the fields that match; `root` is the first part of their paths."""
    return _without(value, [*_below(patterns, root)])


def _without(value: Json, patterns: Sequence[Pattern]) -> Json:
    if not patterns:
        return value
    if isinstance(value, dict):
        kept = ((key, item, [*_below(patterns, key)]) for key, item in value.items())
        return {key: _without(item, left) for key, item, left in kept if not _ends(left)}
    if isinstance(value, list):
        items = ((item, [*_below(patterns, str(place))]) for place, item in enumerate(value))
        return [_without(item, left) for item, left in items if not _ends(left)]
    return value


def _below(patterns: Sequence[Pattern], name: str) -> Iterator[Pattern]:
    """Yields the rest of each pattern below the field `name`; an empty rest: the field itself matches."""
    for first, *rest in patterns:
        if first == _ANY_DEPTH:
            yield (first, *rest)
            yield from _below([tuple(rest)], name)
        elif fnmatchcase(name, first):
            yield tuple(rest)


def _ends(patterns: Sequence[Pattern]) -> bool:
    return () in patterns
