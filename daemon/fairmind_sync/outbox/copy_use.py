"""Finds out whether somebody used the target of a copy: whether the
target holds what its source can't have made and can't have lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping

from fairmind_sync.outbox.copied_tables import CopiedTable, Key


@dataclass(frozen=True, slots=True)
class Stale:
    """Rows of an unused target, by their keys, that the source no longer has."""

    copied: CopiedTable
    keys: list[Key]


def stale(
    moment: Connection, target: Connection, all_copied: Sequence[CopiedTable]
) -> list[Stale] | None:
    """Returns what the source has lost since it was copied, table by table; None if the target was used.

    A target that nobody used holds what the source held once. The source may have gone on since, but it keeps
    results, deliveries, operators' actions and bundles: such a row that is not the source's was made in the
    target. So was a deletion, a count or a hand-over that the source hasn't come to.
    """
    found = []
    for copied in all_copied:
        keys = _stale_keys(moment, target, copied)
        if keys is None:
            return None
        found.append(Stale(copied, keys))
    return found


def _stale_keys(moment: Connection, target: Connection, copied: CopiedTable) -> list[Key] | None:
    keys: list[Key] = []
    for rows in copied.parts(target, copied.looked_at):
        there = copied.found(moment, rows, copied.looked_at)
        pairs = [(row, there.get(copied.key(row))) for row in rows]
        others = [row for row, one in pairs if one is None or not copied.is_same(row, one)]
        if others and not copied.may_lack(moment, others):
            return None
        if any(_is_beyond(copied, row, one) for row, one in pairs if one is not None):
            return None
        keys += [copied.key(row) for row in others]
        keys += [copied.key(row) for row, one in pairs if one and _has_moved(copied, row, one)]
    return keys


def _is_beyond(copied: CopiedTable, row: RowMapping, one: RowMapping) -> bool:
    return copied.is_same(row, one) and any(
        _has_grown(row[name], one[name]) for name in copied.grows
    )


def _has_grown(mine: Any, of_source: Any) -> bool:
    return mine is not None and (of_source is None or mine > of_source)


def _has_moved(copied: CopiedTable, row: RowMapping, one: RowMapping) -> bool:
    return copied.is_same(row, one) and any(row[name] != one[name] for name in copied.passed_on)
