"""`Row`, a recognised number of a group or metric, and arithmetic on rows: reference group, difference,
ratio, impact. Pure.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias

from fairmind_sync.results.keys import KeyPath
from fairmind_sync.results.recognition import directions, words

_FEWEST_COMPARED = 2
_SMALLEST_SHARE = 0.02

Block: TypeAlias = tuple[KeyPath, str | None, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A metric's value for a group, or for everybody where `group` is None.

    `reference` is the group that the value is compared with: `difference` is the value less the reference's
    value, `ratio` the value divided by the reference's. `impact` is a selection rate divided by the rate of
    `highest`, the group with the highest one, or an impact ratio as it is stated. `passed` is only what the
    result states.
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
    impact: float | None = None
    highest: str | None = None
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

    That is the group that the result names; else the one with the highest value, of errors with the lowest.
    Impact is that of the four-fifths rule (29 CFR 1607.4 D) and New York's impact ratio (6 RCNY 5-301): a
    selection rate divided by the highest one, whichever group the result compares with. Groups of whom nobody
    knows who is in them, and of less than a fiftieth of all, are no reference (6 RCNY 5-301 (c)). Counts
    aren't compared.
    """
    counted = _with_counts([*rows])
    blocks: dict[Block, list[Row]] = defaultdict(list)
    for row in counted:
        if row.group is not None:
            blocks[row.block].append(row)
    known = {block: (_reference(rows), _highest(rows)) for block, rows in blocks.items()}
    return [_with_impact(_compared(row, known), known) for row in counted]


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
    if len(rows) < _FEWEST_COMPARED or not directions.is_comparable(rows[0].metric):
        return None
    named = [row for row in rows if row.reference and _is_same(str(row.group), row.reference)]
    if named:
        return named[0]
    chosen = min if directions.is_adverse(rows[0].metric) else max
    return chosen(_possible(rows), key=lambda row: row.value, default=None)


def _highest(rows: Sequence[Row]) -> Row | None:
    if len(rows) < _FEWEST_COMPARED or not directions.is_selection(rows[0].metric):
        return None
    return max(_possible(rows), key=lambda row: row.value, default=None)


def _possible(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows of groups that others can be compared with; all where there would be none."""
    finite = [row for row in rows if math.isfinite(row.value)]
    counts = [row.count for row in finite if row.count is not None]
    fewest = _SMALLEST_SHARE * sum(counts) if len(counts) == len(finite) else 0
    fit = [
        row
        for row in finite
        if directions.may_be_reference(str(row.group)) and (row.count or 0) >= fewest
    ]
    return fit or finite


def _is_same(group: str, named: str) -> bool:
    """Returns whether the group has that name, maybe with its attribute before: `sex=Male` is 'male'."""
    return words.folded(named) in (words.folded(group), words.folded(words.value_of_group(group)))


def _compared(row: Row, known: Mapping[Block, tuple[Row | None, Row | None]]) -> Row:
    reference = known[row.block][0] if row.group is not None else None
    if reference is None:
        return row
    return replace(
        row,
        reference=reference.group,
        difference=_finite(row.value - reference.value),
        ratio=_finite(ratio_of(row.value, reference.value)),
    )


def _with_impact(row: Row, known: Mapping[Block, tuple[Row | None, Row | None]]) -> Row:
    if row.group is None:
        return row
    if directions.is_impact_ratio(row.metric):
        return replace(row, impact=_finite(row.value))
    highest = known[row.block][1]
    if highest is None:
        return row
    return replace(row, highest=highest.group, impact=_finite(ratio_of(row.value, highest.value)))


def _finite(computed: float | None) -> float | None:
    return computed if computed is not None and math.isfinite(computed) else None


def blocks_of(rows: Iterable[Row]) -> list[list[Row]]:
    """Returns the rows that are compared with each other, together, by their place in the result."""
    ordered = sorted(rows, key=_place)
    return [[*block] for _, block in groupby(ordered, key=_place)]


def _place(row: Row) -> tuple[str, str, str]:
    return "/".join(row.table), row.attribute or "", row.metric


def ratio_of(value: float, reference: float) -> float | None:
    """Returns the value as a share of the reference; None where that says nothing."""
    return value / reference if reference > 0 and value >= 0 else None
