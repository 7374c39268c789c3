"""Which deliveries may be claimed, and which are leased: each predicate is written once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    func,
    or_,
    select,
)

from fairmind_sync.results.states import PENDING
from fairmind_sync.storage.tables import outbox_table


def claimable(provider: str, now: datetime) -> ColumnElement[bool]:
    """Pending, due, and without a live lease: the one predicate of availability."""
    return and_(
        outbox_table.c.provider == provider,
        outbox_table.c.status == PENDING,
        outbox_table.c.due_at <= now,
        or_(outbox_table.c.lease_expires_at.is_(None), outbox_table.c.lease_expires_at <= now),
    )


def count_leased(provider: str, now: datetime) -> Select[int]:
    """Of the provider's deliveries, how many are under way, whoever holds them."""
    return select(func.count()).where(
        outbox_table.c.provider == provider,
        outbox_table.c.lease_token.is_not(None),
        outbox_table.c.lease_expires_at > now,
    )
