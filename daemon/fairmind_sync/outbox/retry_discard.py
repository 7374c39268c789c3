"""Changes the rows of an operator's retry or discard: which of the
given deliveries may change, and to what.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    and_,
    case,
    or_,
    select,
    update,
)

from fairmind_sync.outbox.claims import NO_LEASE
from fairmind_sync.outbox.hand_overs import is_away, next_epoch
from fairmind_sync.outbox.payload_locks import keep_payloads_of
from fairmind_sync.outbox.unclean_attempts import sweep_again
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.states import DEAD, DISCARDED, HANDED_OVER, PENDING
from fairmind_sync.storage.tables import hand_overs_table, outbox_table

_PART = 10_000


def retry(connection: Connection, delivery_ids: Sequence[int], now: datetime) -> int:
    """Makes dead deliveries pending again, due now, with no attempt counted; returns how many.

    Deliveries of deleted results stay dead: there is nothing left to deliver. What another site has to
    deliver is handed over again, by the next `bundle export --again`, and not pending here.
    """
    kept = keep_payloads_of(connection, delivery_ids)
    dead = _locked(connection, kept, outbox_table.c.status == DEAD)
    _raise_epochs(connection, dead)
    retried = update(outbox_table).values(
        status=case((is_away(), HANDED_OVER), else_=PENDING),
        attempts=0,
        due_at=now,
        finished_at=None,
    )
    return _count_changed(connection, retried, dead)


def _raise_epochs(connection: Connection, dead: Sequence[int]) -> None:
    """Has older receipts of dead deliveries be older than the retry."""
    of = hand_overs_table.c
    raised = update(hand_overs_table).where(of.taken_back_at.is_(None)).values(epoch=next_epoch())
    for part in _parts(dead):
        connection.execute(raised.where(of.delivery_id.in_(part)))


def discard(
    connection: Connection,
    delivery_ids: Sequence[int],
    reason: str,
    now: datetime,
    *,
    even_handed_over: bool = False,
) -> int:
    """Discards deliveries that are dead, or pending without a live lease; returns how many.

    `even_handed_over`: also those that another site has, which may deliver them all the same.
    """
    given_up = (DEAD, HANDED_OVER) if even_handed_over else (DEAD,)
    waiting = and_(
        outbox_table.c.status == PENDING,
        or_(outbox_table.c.lease_expires_at.is_(None), outbox_table.c.lease_expires_at <= now),
    )
    discarded = update(outbox_table).values(
        status=DISCARDED,
        finished_at=now,
        last_error=reason,
        last_error_kind=ErrorKind.DISCARDED.value,
        **NO_LEASE,
    )
    ids = _locked(connection, delivery_ids, or_(outbox_table.c.status.in_(given_up), waiting))
    count = _count_changed(connection, discarded, ids)
    for part in _parts(delivery_ids):  # after the rows, as who records an outcome does
        sweep_again(connection, part)
    return count


def _locked(
    connection: Connection, delivery_ids: Sequence[int], condition: ColumnElement[bool]
) -> list[int]:
    """Locks those of the deliveries that the condition lets through; returns them.

    Everybody locks deliveries in this order, and before their hand-overs.
    """
    of = outbox_table.c
    lock = select(of.id).where(condition).order_by(of.id).with_for_update()
    return [
        id_
        for part in _parts(sorted(delivery_ids))
        for id_ in connection.execute(lock.where(of.id.in_(part))).scalars()
    ]


def _count_changed(connection: Connection, change: Update, delivery_ids: Sequence[int]) -> int:
    """Changes rows in parts; returns how many changed."""
    return sum(
        connection.execute(change.where(outbox_table.c.id.in_(part))).rowcount
        for part in _parts(delivery_ids)
    )


def _parts(delivery_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yields the ids in parts: a statement takes only so many parameters."""
    return (delivery_ids[at : at + _PART] for at in range(0, len(delivery_ids), _PART))
