"""Carries out what an operator decides about deliveries: retry and discard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    Connection,
    Update,
    and_,
    or_,
    update,
)

from fairmind_sync.outbox.outcomes import NO_LEASE
from fairmind_sync.outbox.payload_locks import keep_payloads_of
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.states import DEAD, DISCARDED, PENDING
from fairmind_sync.storage.tables import outbox_table

_PART = 10_000


def retry(connection: Connection, delivery_ids: Sequence[int], now: datetime) -> int:
    """Makes dead deliveries pending again, due now, with no attempt counted; returns how many.

    Deliveries of deleted results stay dead: there is nothing left to deliver.
    """
    retried = (
        update(outbox_table)
        .where(outbox_table.c.status == DEAD)
        .values(status=PENDING, attempts=0, due_at=now, finished_at=None)
    )
    return _count_changed(connection, retried, keep_payloads_of(connection, delivery_ids))


def discard(connection: Connection, delivery_ids: Sequence[int], reason: str, now: datetime) -> int:
    """Discards deliveries that are dead, or pending without a live lease; returns how many."""
    waiting = and_(
        outbox_table.c.status == PENDING,
        or_(outbox_table.c.lease_expires_at.is_(None), outbox_table.c.lease_expires_at <= now),
    )
    discarded = (
        update(outbox_table)
        .where(or_(outbox_table.c.status == DEAD, waiting))
        .values(
            status=DISCARDED,
            finished_at=now,
            last_error=reason,
            last_error_kind=ErrorKind.DISCARDED.value,
            **NO_LEASE,
        )
    )
    return _count_changed(connection, discarded, delivery_ids)


def _count_changed(connection: Connection, change: Update, delivery_ids: Sequence[int]) -> int:
    """Changes rows in parts, as a statement takes only so many parameters; returns how many changed."""
    parts = (delivery_ids[at : at + _PART] for at in range(0, len(delivery_ids), _PART))
    return sum(
        connection.execute(change.where(outbox_table.c.id.in_(part))).rowcount for part in parts
    )
