"""Hands deliveries over to another site: which can go, what goes
along, marked as gone; and takes a bundle's back.

A delivery belongs to one site at a time: while it is handed over, nobody here claims it. Each function runs
inside the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    update,
)

from fairmind_sync.outbox.claims import NO_LEASE
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.results.states import DEAD, HANDED_OVER, PENDING
from fairmind_sync.storage.statements import upsert
from fairmind_sync.storage.tables import (
    arrivals_table,
    hand_overs_table,
    outbox_table,
    results_table,
)

AT_ONCE = 200
"""So many deliveries are read, or marked, by one statement."""
_HELD = hand_overs_table.c.taken_back_at.is_(None)
_LAST_EPOCH = 2**31 - 1


@dataclass(frozen=True, slots=True)
class OutgoingDelivery:
    """A delivery that goes out; `epoch` is the number of its hand-over to that site, from 1."""

    id: int
    provider: str
    key: str
    epoch: int
    create_attempted_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutgoingResult:
    """A result that goes out, as saved; `results`, `metadata` and `removed` are JSON text."""

    test_id: str
    user_id: str
    revision: int
    model_id: str
    dataset_id: str
    test_type: str
    results: str
    metadata: str
    removed: str | None
    created_at: datetime
    deliveries: tuple[OutgoingDelivery, ...]


_OF_RESULT = (
    *("test_id", "user_id", "revision", "model_id", "dataset_id", "test_type"),
    *("results", "metadata", "removed", "created_at"),
)


def candidates(
    connection: Connection, wanted: RunFilter, site: str, now: datetime, *, again: bool
) -> list[int]:
    """Returns the deliveries that can go to the site, those of the oldest result first.

    They are pending, nobody holds them under a live lease, and no user has deleted their result. `again`: the
    site has them already, and no receipts have said that they have arrived.
    """
    columns = (outbox_table.c.result_id, outbox_table.c.provider)
    status = HANDED_OVER if again else PENDING
    chosen = (
        select(outbox_table.c.id)
        .join_from(outbox_table, results_table)
        .where(
            *replace(wanted, status=status).conditions(),
            outbox_table.c.provider.in_(PROVIDERS),
            results_table.c.erased_at.is_(None),
            results_table.c.deleted_at.is_(None),
        )
        .order_by(*columns)
    )
    if again:
        unheard = hand_overs_table.c.heard_epoch < hand_overs_table.c.epoch
        return list(connection.execute(chosen.where(_held_by(site, unheard))).scalars())
    came_from_there = exists().where(
        arrivals_table.c.delivery_id == outbox_table.c.id, arrivals_table.c.site == site
    )
    return list(connection.execute(chosen.where(_is_free(now), ~came_from_there)).scalars())


def outgoing(
    connection: Connection, delivery_ids: Sequence[int], site: str
) -> Iterator[OutgoingResult]:
    """Yields the results of the deliveries, each with those of its deliveries that are among them."""
    rows = connection.execute(_with_epochs(site).where(outbox_table.c.id.in_(delivery_ids)))
    for _, of_result in groupby(rows, lambda row: row.result_id):
        parts = list(of_result)
        yield OutgoingResult(
            **{name: getattr(parts[0], name) for name in _OF_RESULT},
            deliveries=tuple(_outgoing(row) for row in parts),
        )


def mark(
    connection: Connection,
    deliveries: Sequence[OutgoingDelivery],
    site: str,
    bundle_key: str,
    now: datetime,
    *,
    again: bool,
) -> bool:
    """Hands the deliveries over to the site, if all are still as they were read; returns whether they are."""
    for first in range(0, len(deliveries), AT_ONCE):
        part = deliveries[first : first + AT_ONCE]
        if not _are_unchanged(connection, part, site, now, again=again):
            return False
        ids = [each.id for each in part]
        connection.execute(
            update(outbox_table)
            .where(outbox_table.c.id.in_(ids))
            .values(status=HANDED_OVER, finished_at=None, **NO_LEASE)
        )
        rows = [
            {
                "delivery_id": each.id,
                "site": site,
                "bundle_key": bundle_key,
                "epoch": each.epoch,
                "handed_over_at": now,
                "heard_epoch": 0,
                "heard_sequence": 0,
            }
            for each in part
        ]
        inserted = upsert(hand_overs_table)
        renewed = ("bundle_key", "epoch", "handed_over_at")
        connection.execute(
            inserted.on_conflict_do_update(
                index_elements=["delivery_id", "site"],
                set_={
                    **{name: inserted.excluded[name] for name in renewed},
                    "taken_back_at": None,
                },
            ),
            rows,
        )
    return True


def would_take_back(connection: Connection, bundle_key: str) -> Counter[str]:
    """Returns how many deliveries `take_back` would change, by the status that they have."""
    found = connection.execute(_of_bundle(bundle_key).add_columns(outbox_table.c.status))
    return Counter(row.status for row in found)


def take_back(connection: Connection, bundle_key: str, now: datetime) -> int:
    """Has the bundle's deliveries be this database's again; returns how many there were.

    What was handed over is pending, what is dead stays dead. The other site may have made runs all the same:
    so each is looked for by its delivery key before another is created.
    """
    ids = [row.id for row in connection.execute(_of_bundle(bundle_key).with_for_update())]
    for first in range(0, len(ids), AT_ONCE):
        some = outbox_table.c.id.in_(ids[first : first + AT_ONCE])
        connection.execute(
            update(hand_overs_table)
            .where(hand_overs_table.c.delivery_id.in_(ids[first : first + AT_ONCE]), _HELD)
            .values(taken_back_at=now)
        )
        connection.execute(
            update(outbox_table)
            .where(some)
            .values(create_attempted_at=func.coalesce(outbox_table.c.create_attempted_at, now))
        )
        connection.execute(
            update(outbox_table)
            .where(some, outbox_table.c.status == HANDED_OVER)
            .values(status=PENDING, due_at=now, attempts=0)
        )
    return len(ids)


def is_away() -> ColumnElement[bool]:
    """Returns the condition that another site has the delivery to deliver, whatever its status here."""
    return exists().where(hand_overs_table.c.delivery_id == outbox_table.c.id, _HELD)


def has_travelled() -> ColumnElement[bool]:
    """Returns the condition that another site has or had the delivery too, and may make runs of it."""
    went = exists().where(hand_overs_table.c.delivery_id == outbox_table.c.id)
    came = exists().where(arrivals_table.c.delivery_id == outbox_table.c.id)
    return or_(went, came)


def next_epoch() -> ColumnElement[int]:
    """Returns the epoch of a delivery's next hand-over to a site that it went to, or of a retry.

    It is above what the site has told, too: a restored database may have forgotten its last ones.
    """
    of = hand_overs_table.c
    newest = case((of.heard_epoch > of.epoch, of.heard_epoch), else_=of.epoch)
    return case((newest < _LAST_EPOCH, newest + 1), else_=newest)


def _of_bundle(bundle_key: str) -> Select[Any]:
    return (
        select(outbox_table.c.id)
        .join_from(outbox_table, hand_overs_table)
        .where(
            hand_overs_table.c.bundle_key == bundle_key,
            _HELD,
            outbox_table.c.status.in_((HANDED_OVER, DEAD)),
        )
        .order_by(outbox_table.c.id)
    )


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(outbox_table.c.lease_expires_at.is_(None), outbox_table.c.lease_expires_at <= now)


def _held_by(site: str, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(
        hand_overs_table.c.delivery_id == outbox_table.c.id,
        hand_overs_table.c.site == site,
        _HELD,
        *conditions,
    )


def _with_epochs(site: str) -> Select[Any]:
    """Returns the query for deliveries with their results, and the epoch that comes next at the site."""
    of_site = and_(
        hand_overs_table.c.delivery_id == outbox_table.c.id, hand_overs_table.c.site == site
    )
    return (
        select(
            outbox_table.c.id,
            outbox_table.c.result_id,
            outbox_table.c.provider,
            outbox_table.c.delivery_key,
            outbox_table.c.create_attempted_at,
            func.coalesce(next_epoch(), 1).label("next_epoch"),
            *(results_table.c[name] for name in _OF_RESULT),
        )
        .join_from(outbox_table, results_table)
        .outerjoin(hand_overs_table, of_site)
        .order_by(outbox_table.c.result_id, outbox_table.c.provider)
    )


def _outgoing(row: Row[Any]) -> OutgoingDelivery:
    return OutgoingDelivery(
        row.id, row.provider, row.delivery_key, row.next_epoch, row.create_attempted_at
    )


def _are_unchanged(
    connection: Connection,
    deliveries: Sequence[OutgoingDelivery],
    site: str,
    now: datetime,
    *,
    again: bool,
) -> bool:
    """Locks the rows; returns whether each can still go, with nothing done to it since it was read."""
    ids = [each.id for each in deliveries]
    still = (
        and_(outbox_table.c.status == HANDED_OVER, _held_by(site))
        if again
        else and_(outbox_table.c.status == PENDING, _is_free(now))
    )
    lock = select(outbox_table.c.id).where(outbox_table.c.id.in_(ids), still)
    locked = {*connection.execute(lock.order_by(outbox_table.c.id).with_for_update()).scalars()}
    kept = _with_epochs(site).where(results_table.c.deleted_at.is_(None))
    rows = connection.execute(kept.where(outbox_table.c.id.in_(locked)))
    return {_outgoing(row) for row in rows} == {*deliveries}
