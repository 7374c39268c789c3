"""Reads tables in a result, lists of objects and data frames, where
each entry is a group or names a metric.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fairmind_sync.results.keys import KeyPath
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition import words
from fairmind_sync.results.recognition.measures import Measure, as_number, measure_in
from fairmind_sync.results.recognition.rows import Row

_LABELS = (str, int, float, bool)
_FEWEST_COLUMNS = 2


@dataclass(frozen=True, slots=True)
class Record:
    """One entry; `place` is the entry's place, and is last in a path where the entry is read from columns."""

    values: Mapping[str, Json]
    table: KeyPath
    place: str
    is_of_columns: bool

    def path_of(self, key: str) -> KeyPath:
        ends = (key, self.place) if self.is_of_columns else (self.place, key)
        return (*self.table, *ends)


def records_in(value: Json | Mapping[str, Json], path: KeyPath) -> Iterator[Record]:
    """Yields the entries of a list of objects, or of a frame in columns that name groups; else none."""
    if isinstance(value, list):
        if value and all(isinstance(one, dict) for one in value):
            for place, one in enumerate(value):
                yield Record(one, path, str(place), is_of_columns=False)  # type: ignore[arg-type]  # just checked
    elif isinstance(value, Mapping) and (columns := _columns(value)):
        places = [*next(iter(columns.values()))]
        for place_text in places:
            values = {key: column[place_text] for key, column in columns.items()}
            yield Record(values, path, place_text, is_of_columns=True)


def listed_rows(
    records: Sequence[Record], table: KeyPath, known: frozenset[str], reference: str | None
) -> Iterator[Row]:
    """Yields the rows of records that are of a group, or that name a metric and hold its value.

    Yields none where two records are of the same group and metric: those are cases, not groups.
    """
    if not records:
        return
    columns = [key for key in records[0].values if _names_groups(key, records, known)]
    if columns == ["category"] and measure_in(dict(records[0].values)) is not None:
        columns = []  # a kind of test
    rows = [row for one in records for row in _rows_of(one, columns, table, reference)]
    if columns and len({(row.attribute, row.group, row.metric) for row in rows}) < len(rows):
        return
    yield from rows


def _rows_of(
    record: Record, columns: Sequence[str], table: KeyPath, reference: str | None
) -> Iterator[Row]:
    name = words.first_of([one for one in words.NAMES if one not in columns], record.values)
    measure = measure_in(dict(record.values))
    if isinstance(name, str) and name and measure is not None and measure.key is not None:
        yield _row(record, measure, name, columns, table, reference)
    elif columns:
        for key, value in record.values.items():
            if key not in columns and words.is_metric(key) and not words.is_count(key):
                number = as_number(value)
                if number is not None:
                    given = Measure(number, key).beside(key, record.values)
                    yield _row(record, given, key, columns, table, reference)


def _row(
    record: Record,
    measure: Measure,
    metric: str,
    columns: Sequence[str],
    table: KeyPath,
    reference: str | None,
) -> Row:
    return Row(
        metric=metric,
        value=measure.value,
        path=record.path_of(str(measure.key)),
        table=table,
        group=", ".join(str(record.values[key]) for key in columns) if columns else None,
        attribute=_attribute(record.values, columns),
        count=words.count_in(record.values),
        reference=reference,
        threshold=measure.threshold,
        has_own_threshold=measure.threshold is not None,
        passed=words.passed_in(record.values),
        lower=measure.lower,
        upper=measure.upper,
    )


def _attribute(values: Mapping[str, Json], columns: Sequence[str]) -> str | None:
    named = words.first_of(words.ATTRIBUTE_NAMES, values)
    own = [key for key in columns if words.folded(key) not in words.GROUP_NAMES]
    return ", ".join(own) if own else named if isinstance(named, str) else None


def _names_groups(key: str, records: Sequence[Record], known: frozenset[str]) -> bool:
    """Returns whether the column holds a group's name in each record."""
    is_named = words.folded(key) in words.GROUP_NAMES or words.attribute_in(key, known) is not None
    return is_named and all(isinstance(one.values.get(key), _LABELS) for one in records)


def _columns(value: Mapping[str, Json]) -> dict[str, dict[str, Json]]:
    """Returns each column's values by place, of a frame that has a column with the names of groups."""
    columns = _of_split(value) or {key: _by_place(column) for key, column in value.items()}
    lengths = {tuple(column) for column in columns.values()}
    if len(columns) < _FEWEST_COLUMNS or len(lengths) != 1 or lengths == {()}:
        return {}
    is_of_groups = any(
        (words.folded(key) in words.GROUP_NAMES or words.attribute_in(key)) and _are_labels(column)
        for key, column in columns.items()
    )
    return columns if is_of_groups else {}


def _are_labels(column: Mapping[str, Json]) -> bool:
    return all(isinstance(one, str) for one in column.values())


def _by_place(column: Json) -> dict[str, Json]:
    if isinstance(column, list):
        return {str(place): value for place, value in enumerate(column)}
    return column if isinstance(column, dict) else {}


def _of_split(value: Mapping[str, Json]) -> dict[str, dict[str, Json]]:
    """Returns the columns of a frame that is split into names of columns, index and rows, as pandas does."""
    names, rows, index = value.get("columns"), value.get("data"), value.get("index")
    if not isinstance(names, list) or not isinstance(rows, list):
        return {}
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return {}
    columns: dict[str, dict[str, Json]] = {
        str(name): {str(place): row[number] for place, row in enumerate(rows)}  # type: ignore[index]  # lists, just checked
        for number, name in enumerate(names)
    }
    if (
        isinstance(index, list)
        and len(index) == len(rows)
        and all(isinstance(one, str) for one in index)
    ):
        return {"group": {str(place): one for place, one in enumerate(index)}, **columns}
    return columns
