"""What a result says of its groups and metrics, one row a group and metric. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from fairmind_sync.results.keys import KeyPath
from fairmind_sync.results.recognition import words

_FEWEST_COMPARED = 2

Block: TypeAlias = tuple[KeyPath, str | None, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A metric's value for a group, or for everybody where `group` is None.

    `reference` is the group that the value is compared with: `difference` is the value less the reference's
    value, `ratio` the value divided by the reference's. `passed` is only what the result states.
    `has_own_threshold` where the threshold is stated for this value itself, not for what is around it.
    `lower` and `upper` are the ends of a confidence interval. `path` leads to the value in the result,
    `table` to what holds the numbers that belong together.
    """

    metric: str
    value: float
    path: KeyPath
    table: KeyPath
    group: str | None = None
    attribute: str | None = None
    count: int | None = None
    reference: str | None = None
    difference: float | None = None
    ratio: float | None = None
    threshold: float | None = None
    passed: bool | None = None
    lower: float | None = None
    upper: float | None = None
    has_own_threshold: bool = False

    @property
    def block(self) -> Block:
        """What the rows have in common that are compared with each other."""
        return self.table, self.attribute, self.metric


def compared(rows: Iterable[Row]) -> list[Row]:
    """Returns the rows, each group's with its count, and compared with the reference group of its block.

    That is the group that the result names; else the group with the highest value, as in the four-fifths
    rule (29 CFR 1607.4 D) and in New York's impact ratio (6 RCNY 5-301). Counts aren't compared.
    """
    counted = _with_counts([*rows])
    blocks: dict[Block, list[Row]] = defaultdict(list)
    for row in counted:
        if row.group is not None:
            blocks[row.block].append(row)
    references = {block: _reference(members) for block, members in blocks.items()}
    return [_compared(row, references.get(row.block)) for row in counted]


def _with_counts(rows: Sequence[Row]) -> list[Row]:
    """Moves the counts of groups into the groups' other rows, where there are any."""
    counts = {_member(row): row for row in rows if _is_count(row)}
    others = {_member(row) for row in rows if not _is_count(row)}
    kept = [row for row in rows if not (_is_count(row) and _member(row) in others)]
    return [_counted(row, counts.get(_member(row))) for row in kept]


def _counted(row: Row, counted: Row | None) -> Row:
    if counted is None or row.count is not None or _is_count(row):
        return row
    return replace(row, count=round(counted.value))


def _is_count(row: Row) -> bool:
    return row.metric == "count" and row.group is not None and math.isfinite(row.value)


def _member(row: Row) -> tuple[KeyPath, str | None, str | None]:
    return row.table[:-1], row.attribute, row.group


def _reference(rows: Sequence[Row]) -> Row | None:
    if len(rows) < _FEWEST_COMPARED or not words.is_comparable(rows[0].metric):
        return None
    named = [row for row in rows if row.reference == row.group]
    finite = [row for row in rows if math.isfinite(row.value)]
    return named[0] if named else max(finite, key=lambda row: row.value, default=None)


def _compared(row: Row, reference: Row | None) -> Row:
    if reference is None or row.group is None:
        return row
    return replace(
        row,
        reference=reference.group,
        difference=_finite(row.value - reference.value),
        ratio=_finite(_ratio(row.value, reference.value)),
    )


def _finite(computed: float | None) -> float | None:
    return computed if computed is not None and math.isfinite(computed) else None


def _ratio(value: float, reference: float) -> float | None:
    return value / reference if reference > 0 and value >= 0 else None
