"""The second way of naming numbers: by metric, attribute and group, or an entry's own name; lists, intervals
and confusion matrices become single numbers. Pure.

A group's number is named by metric, attribute and group, so that a tracker puts groups side by side. An entry
of a list is named by what names the entry, not by its place: another order is no other name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from fairmind_sync.results.aggregation import aggregates
from fairmind_sync.results.keys import KeyPath
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition import words
from fairmind_sync.results.recognition.measures import as_number
from fairmind_sync.results.recognition.rows import Row
from fairmind_sync.results.recognition.shapes import rows_in

MOST_GROUP_NUMBERS = 200
"""So many numbers of groups are metrics of a run; if there are more, they are in the table alone."""
_MATRICES = frozenset({"confusion_matrix", "confusion", "cm"})
_CELLS = ("tn", "fp", "fn", "tp")
"""In scikit-learn's order: a row for each true class, a column for each predicted one, the negative first."""
_CLASSES = 2
_ENDS = ("lower", "upper")
_PAIR = 2


@dataclass(frozen=True, slots=True)
class Numbers:
    """A result's numbers by name; `left_out` is how many numbers of groups are in the table alone."""

    by_name: dict[KeyPath, float]
    left_out: int = 0


def numbers_by_name(
    results: Mapping[str, Json], metadata: Mapping[str, Json], most: float = MOST_GROUP_NUMBERS
) -> Numbers:
    """Returns every number and every flag, flags as 0 and 1; of a list of numbers mean, minimum and maximum.

    The numbers of groups are left out where there are more than `most`.
    """
    of_groups = {row.path: row for row in rows_in(results, metadata) if row.group is not None}
    found = [*_numbers(dict(results), (), (), of_groups)]
    count = sum(path in of_groups for path, _, _ in found)
    if count > most:
        found = [one for one in found if one[0] not in of_groups]
    choices = [(_short(named, of_groups.get(path)), named, path) for path, named, _ in found]
    numbers = [number for _, _, number in found]
    by_name = dict(zip(_different(choices), numbers, strict=True))
    return Numbers(by_name, count if count > most else 0)


def every_number(results: Mapping[str, Json]) -> Iterator[tuple[KeyPath, KeyPath, float]]:
    """Yields each number and flag with its path and its path by name, groups or not."""
    return _numbers(dict(results), (), (), ())


def _different(choices: Sequence[Sequence[KeyPath]]) -> list[KeyPath]:
    """Returns for each the first of its names that no other one takes; the last ones differ in any case."""
    taken = [0] * len(choices)
    while True:
        names = [choice[place] for choice, place in zip(choices, taken, strict=True)]
        often = Counter(names)
        last = len(choices[0]) - 1 if choices else 0
        shared = [n for n, name in enumerate(names) if often[name] > 1 and taken[n] < last]
        if not shared:
            return names
        for number in shared:
            taken[number] += 1


def _short(named: KeyPath, row: Row | None) -> KeyPath:
    if row is None:
        return named[1:] if len(named) > 1 and named[0] == "results" else named
    is_in_group = row.attribute is None or words.attribute_of_group(
        str(row.group), frozenset({words.folded(row.attribute)})
    )
    attribute = () if is_in_group else (str(row.attribute),)
    return (row.metric, *attribute, str(row.group))


def _numbers(
    value: Json, path: KeyPath, named: KeyPath, rows: Container[KeyPath]
) -> Iterator[tuple[KeyPath, KeyPath, float]]:
    """Yields each number with its path and its named path."""
    if (number := _number(value)) is not None:
        yield path, named, number
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(item, (*path, key), (*named, key), rows)
    elif isinstance(value, list) and value:
        yield from _numbers_of_list(value, path, named, rows)


def _numbers_of_list(
    values: list[Json], path: KeyPath, named: KeyPath, rows: Container[KeyPath]
) -> Iterator[tuple[KeyPath, KeyPath, float]]:
    numbers = [_number(value) for value in values]
    if (cells := _cells(words.folded(path[-1]), values)) is not None:
        parts = dict(zip(_CELLS, cells, strict=True))
    elif None in numbers or (*path, "0") in rows:  # the latter is a column of a frame
        for place, (name, item) in enumerate(zip(_names(values), values, strict=True)):
            yield from _numbers(item, (*path, str(place)), (*named, name), rows)
        return
    else:
        parts = _parts(words.folded(path[-1]), [one for one in numbers if one is not None])
    yield from (((*path, part), (*named, part), number) for part, number in parts.items())


def _parts(key: str, numbers: Sequence[float]) -> dict[str, float]:
    """Returns the ends of an interval by their names; of any other list mean, minimum and maximum."""
    is_interval = any(key == word or key.endswith(f"_{word}") for word in words.INTERVALS)
    if is_interval and len(numbers) == len(_ENDS):
        return dict(zip(_ENDS, numbers, strict=True))
    return aggregates(numbers)


def _cells(key: str, values: list[Json]) -> list[float] | None:
    """Returns the cells of a confusion matrix of two classes, row by row; None if it is none."""
    rows = [row for row in values if isinstance(row, list) and len(row) == _CLASSES]
    cells = [number for row in rows for cell in row if (number := _number(cell)) is not None]
    is_matrix = key in _MATRICES and len(values) == len(rows) and len(cells) == len(_CELLS)
    return cells if is_matrix else None


def _names(values: Sequence[Json]) -> list[str]:
    """Returns a name for each entry: what names each of them and differs in all, else their places."""
    entries = [value for value in values if isinstance(value, dict)]
    if len(entries) == len(values):
        common = [
            key for key in entries[0] if all(isinstance(one.get(key), str) for one in entries)
        ]
        ranked = sorted((words.naming_rank(key), key) for key in common)
        naming = [key for rank, key in ranked if rank < words.NO_NAME]
        choices = [*((key,) for key in naming), *combinations(naming, _PAIR)]
        for keys in choices:
            names = [", ".join(str(one[key]) for key in keys) for one in entries]
            if len({*names}) == len(names) and all(names):
                return names
    return [str(place) for place in range(len(values))]


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, bool) else as_number(value)
