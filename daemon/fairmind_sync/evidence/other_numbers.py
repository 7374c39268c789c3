"""Finds numbers of a result that no row of its tables has, for the report's list of other numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fairmind_sync.evidence.number_format import number
from fairmind_sync.results.keys import KeyPath
from fairmind_sync.results.metric_names import every_number
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition import words
from fairmind_sync.results.recognition.rows import Row

_OF_A_VALUE = frozenset({*words.FLAGS, *words.COUNTS, *words.LOWER, *words.UPPER})
"""What says more of a value that stands beside it, and so is in that value's row."""


def other_numbers(results: Mapping[str, Json], rows: Iterable[Row]) -> list[tuple[str, str]]:
    """Returns name and value of each number, and of each flag, that isn't in one of the rows."""
    known = {row.path for row in rows}
    described = {path[:-1] for path in known if len(path) > 1}
    return [
        (_spoken(named), _shown(results, path, value))
        for path, named, value in every_number(results)
        if not {path, path[:-1]} & known
        and not (path[:-1] in described and words.folded(path[-1]) in _OF_A_VALUE)
        and not _is_of_an_interval(path, described)
    ]


def _spoken(named: KeyPath) -> str:
    """Returns the name without FairMind's envelope."""
    parts = named[1:] if len(named) > 1 and named[0] == "results" else named
    return " / ".join(words.spoken(part) for part in parts)


def _is_of_an_interval(path: KeyPath, described: set[KeyPath]) -> bool:
    return path[:-2] in described and len(path) > 1 and words.folded(path[-2]) in words.INTERVALS


def _shown(results: Mapping[str, Json], path: KeyPath, value: float) -> str:
    found: Json = dict(results)
    for key in path:
        if not isinstance(found, dict):
            break
        found = found.get(key)
    return ("yes" if found else "no") if isinstance(found, bool) else number(value)
