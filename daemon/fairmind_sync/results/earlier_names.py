"""The first way of naming numbers, by their path in the result, for `FAIRMIND_SYNC_NAMES=1`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fairmind_sync.results.aggregation import aggregates
from fairmind_sync.results.keys import KeyPath
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition.measures import as_number


def numbers_by_path(results: Mapping[str, Json]) -> dict[KeyPath, float]:
    """Returns every number in the results by its path; of a list of numbers, mean, minimum and maximum."""
    return dict(_numbers(dict(results), ()))


def _numbers(value: Json, path: KeyPath) -> Iterator[tuple[KeyPath, float]]:
    if (number := as_number(value)) is not None:
        yield path, number
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(item, (*path, key))
    elif isinstance(value, list) and value:
        yield from _numbers_of_list(value, path)


def _numbers_of_list(values: list[Json], path: KeyPath) -> Iterator[tuple[KeyPath, float]]:
    numbers = [as_number(item) for item in values]
    if None in numbers:
        for place, item in enumerate(values):
            yield from _numbers(item, (*path, str(place)))
    else:
        found = aggregates([number for number in numbers if number is not None])
        yield from (((*path, name), number) for name, number in found.items())
