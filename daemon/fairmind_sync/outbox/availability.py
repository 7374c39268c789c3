"""The predicates of availability: which deliveries may be claimed, and which are leased."""

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
    """Returns the condition for a claim: pending, due, and without a live lease."""
    return and_(
        outbox_table.c.provider == provider,
        outbox_table.c.status == PENDING,
        outbox_table.c.due_at <= now,
        or_(outbox_table.c.lease_expires_at.is_(None), outbox_table.c.lease_expires_at <= now),
    )


def count_leased(provider: str, now: datetime) -> Select[int]:
    """Returns the query that counts the provider's deliveries under a live lease, whoever holds the lease."""
    return select(func.count()).where(
        outbox_table.c.provider == provider,
        outbox_table.c.lease_token.is_not(None),
        outbox_table.c.lease_expires_at > now,
    )
