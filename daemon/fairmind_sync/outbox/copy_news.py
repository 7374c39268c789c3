"""What a used target takes over of rows that it has: only what is
news to it, and nothing that would undo what was done there.

Of a delivery, news is an attempt, a hand-over or its return that the target doesn't know. 'Delivered' always
counts, unless the target has reopened that very run, and stays. A discarded delivery stays discarded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping, select

from fairmind_sync.outbox import deletion, retry_discard
from fairmind_sync.outbox.copied_tables import ALL_COPIED, CopiedTable, Key
from fairmind_sync.results.states import DEAD, DELIVERED, DISCARDED, HANDED_OVER, PENDING
from fairmind_sync.storage.tables import (
    arrivals_table,
    attempts_table,
    hand_overs_table,
    outbox_table,
    results_table,
)

Pair: TypeAlias = tuple[RowMapping, RowMapping]
"""A row of the source, and the target's own."""
_WAITING = (PENDING, HANDED_OVER, DEAD)
_TRAVELS = tuple(one for one in ALL_COPIED if one.table in (hand_overs_table, arrivals_table))


@dataclass(frozen=True, slots=True)
class _Known:
    """What a database knows of a delivery: which attempts have ended, and where it travelled."""

    attempts: dict[str, bool]
    travels: dict[Key, tuple[Any, ...]]
    was_delivered: bool

    def has_attempts_beyond(self, other: _Known) -> bool:
        return any(ended > other.attempts.get(one, -1) for one, ended in self.attempts.items())

    def has_travelled_beyond(self, other: _Known) -> bool:
        return any(far > other.travels.get(one, ()) for one, far in self.travels.items())


def news(
    moment: Connection, target: Connection, copied: CopiedTable, pairs: Sequence[Pair]
) -> list[tuple[RowMapping, dict[str, Any]]]:
    """Returns those of the target's rows that change, each with its new values."""
    if copied.table is results_table:
        return _of_results(moment, target, pairs)
    if copied.table is outbox_table:
        return _of_deliveries(moment, target, copied, pairs)
    return [
        (own, copied.content(row))
        for row, own in pairs
        if copied.progress(row) > copied.progress(own)
    ]


def discard_deleted(target: Connection, result_ids: Sequence[int], now: datetime) -> None:
    """Discards what waits of results that are deleted."""
    waiting = (
        select(outbox_table.c.id)
        .join_from(outbox_table, results_table)
        .where(
            results_table.c.id.in_(result_ids),
            results_table.c.deleted_at.is_not(None),
            outbox_table.c.status.in_(_WAITING),
        )
    )
    ids = [*target.execute(waiting).scalars()]
    if ids:
        retry_discard.discard(target, ids, deletion.REASON, now, even_handed_over=True)


def _of_results(
    moment: Connection, target: Connection, pairs: Sequence[Pair]
) -> list[tuple[RowMapping, dict[str, Any]]]:
    """A payload that a waiting delivery of the target needs stays; so does one that a new delivery needs."""
    ids = [row["id"] for row, _ in pairs]
    here, there = _waiting(target, ids), _waiting(moment, ids)
    needed = {result_id for result_id, _ in here}
    owed = {result_id for result_id, key in there - _keys(target, there)}

    def is_news(row: RowMapping, own: RowMapping) -> bool:
        if (row["deleted_at"] is None) != (own["deleted_at"] is None):
            return row["deleted_at"] is not None
        if row["erased_at"] is None:
            return own["erased_at"] is not None and row["id"] in owed
        return own["erased_at"] is None and row["id"] not in needed

    return [(own, dict(row)) for row, own in pairs if is_news(row, own)]


def _waiting(connection: Connection, result_ids: Sequence[int]) -> set[tuple[int, str]]:
    """Returns the results that have waiting deliveries, and the deliveries' keys."""
    of = outbox_table.c
    wanted = select(of.result_id, of.delivery_key).where(
        of.result_id.in_(result_ids), of.status.in_(_WAITING)
    )
    return {(row[0], row[1]) for row in connection.execute(wanted)}


def _keys(connection: Connection, wanted: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Returns those of the results' deliveries that this database has."""
    of = outbox_table.c
    had = select(of.result_id, of.delivery_key).where(of.result_id.in_({one for one, _ in wanted}))
    return {(row[0], row[1]) for row in connection.execute(had)}


def _of_deliveries(
    moment: Connection, target: Connection, copied: CopiedTable, pairs: Sequence[Pair]
) -> list[tuple[RowMapping, dict[str, Any]]]:
    differing = [(row, own) for row, own in pairs if row != own]
    ids = [row["id"] for row, _ in differing]
    there, here = _known(moment, ids), _known(target, ids)
    found = (
        (own, _delivery(copied, row, own, there[own["id"]], here[own["id"]]))
        for row, own in differing
    )
    return [(own, values) for own, values in found if values]


def _delivery(
    copied: CopiedTable, row: RowMapping, own: RowMapping, there: _Known, here: _Known
) -> dict[str, Any]:
    """Returns the new values of a delivery; none if it stays."""
    has_news = there.has_attempts_beyond(here)
    if row["status"] == own["status"] and row["run_id"] == own["run_id"] and not has_news:
        return dict(row) if copied.progress(row) > copied.progress(own) else {}
    if own["status"] == DELIVERED:
        return {}
    if row["status"] == DELIVERED:
        is_reopened = own["run_id"] is not None and here.was_delivered
        return {} if is_reopened and not has_news else dict(row)
    if DISCARDED in (own["status"], row["status"]):
        return dict(row) if own["status"] != DISCARDED else {}
    return _unfinished(row, own, there, here)


def _unfinished(row: RowMapping, own: RowMapping, there: _Known, here: _Known) -> dict[str, Any]:
    """Returns the new values of a delivery that neither database has delivered or discarded."""
    has_travelled = there.has_travelled_beyond(here)
    if not (has_travelled or there.has_attempts_beyond(here)):
        return {}
    if here.has_travelled_beyond(there) or (here.has_attempts_beyond(there) and not has_travelled):
        return _with_doubts(own, row)
    return _with_doubts(row, own)


def _with_doubts(row: RowMapping, other: RowMapping) -> dict[str, Any]:
    """Returns the row's values: a run may be there if either database says so."""
    attempted = row["create_attempted_at"] or other["create_attempted_at"]
    return {**row, "create_attempted_at": attempted}


def _known(connection: Connection, ids: Sequence[int]) -> dict[int, _Known]:
    known = {one: _Known({}, {}, was_delivered=False) for one in ids}
    of = attempts_table.c
    wanted = select(of.delivery_id, of.lease_token, of.outcome).where(of.delivery_id.in_(ids))
    delivered = set()
    for row in connection.execute(wanted):
        known[row.delivery_id].attempts[row.lease_token] = row.outcome is not None
        if row.outcome == DELIVERED:
            delivered.add(row.delivery_id)
    for copied in _TRAVELS:
        travels = select(copied.table).where(copied.table.c.delivery_id.in_(ids))
        for one in connection.execute(travels).mappings():
            known[one["delivery_id"]].travels[copied.key(one)] = copied.progress(one)
    return {
        one: _Known(each.attempts, each.travels, was_delivered=one in delivered)
        for one, each in known.items()
    }
