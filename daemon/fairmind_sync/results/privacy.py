"""Removes private fields from a result before it is stored, by patterns of their paths
(FAIRMIND_SYNC_REDACT). Pure.

A pattern is a path from `results` or `metadata`, joined by dots: `metadata.email`, `results.groups.*.names`.
A part may hold `*` and `?`; the part `**` stands for any number of parts; a list's items count from 0. Upper
and lower case are the same. A key that was flattened, as `user.ssn`, `user/ssn` or `user[ssn]`, is also read
as the path that it was.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TypeAlias

from fairmind_sync.results.plain_json import Json

Pattern: TypeAlias = tuple[str, ...]
ROOTS = ("results", "metadata")
_ANY_DEPTH = "**"
_SEPARATORS = re.compile(r"[./\[\]]+")
_Left: TypeAlias = tuple[Pattern, Pattern]
"""What of a pattern is left to be matched, and the whole pattern."""


def parse(pattern: str) -> Pattern:
    """Returns the pattern as the parts of its path, in lower case.

    Raises:
        ValueError: the pattern can't match any field.
    """
    root, *below = re.split("[./]", _folded(pattern))
    while below and below[-1] == _ANY_DEPTH:  # any number of parts: none, too
        below.pop()
    if root not in (*ROOTS, _ANY_DEPTH) or not below or not all(below):
        raise ValueError(f"{pattern!r} is no path such as metadata.email, results.*.name or **.ssn")
    return (root, *below)


def without_private(
    value: Json, root: str, patterns: Sequence[Pattern], removed: Counter[str] | None = None
) -> Json:
    """Returns the value without the fields that match; `root` is the first part of their paths.

    `removed` counts each field that is left out, under one of the patterns that the field matches.
    """
    count: Counter[str] = Counter() if removed is None else removed
    return _without(value, [*_below([(one, one) for one in patterns], root)], count)


def _without(value: Json, patterns: Sequence[_Left], removed: Counter[str]) -> Json:
    if not patterns:
        return value
    if isinstance(value, dict):
        kept = ((key, item, _inside(patterns, key, removed)) for key, item in value.items())
        return {key: _without(item, left, removed) for key, item, left in kept if left is not None}
    if isinstance(value, list):
        items = ((item, _inside(patterns, str(place), removed)) for place, item in enumerate(value))
        return [_without(item, left, removed) for item, left in items if left is not None]
    return value


def _inside(patterns: Sequence[_Left], key: str, removed: Counter[str]) -> Sequence[_Left] | None:
    """Returns what is left of the patterns inside the field; None, and counts the field, if it matches."""
    found: list[_Left] = []
    for path in _readings(key):
        left = list(patterns)
        for part in path:
            left = [*_below(left, part)]
            whole = next((pattern for rest, pattern in left if not rest), None)
            if whole is not None:
                removed[".".join(whole)] += 1
                return None
        found += left
    return list(dict.fromkeys(found))


@lru_cache(maxsize=4096)
def _readings(key: str) -> tuple[tuple[str, ...], ...]:
    """Returns the key as one part of a path and, if it looks like a path itself, as the parts of that."""
    folded = _folded(key)
    parts = tuple(part for part in map(str.strip, _SEPARATORS.split(folded)) if part)
    return ((folded,),) if parts in ((), (folded,)) else ((folded,), parts)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _below(patterns: Sequence[_Left], name: str) -> Iterator[_Left]:
    """Yields the rest of each pattern below the field `name`; an empty rest: the field itself matches."""
    for (first, *rest), whole in patterns:
        if first == _ANY_DEPTH:
            yield (first, *rest), whole
            yield from _below([(tuple(rest), whole)], name)
        elif fnmatchcase(name, first):
            yield tuple(rest), whole
