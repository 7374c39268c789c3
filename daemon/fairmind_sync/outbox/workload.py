"""What waits for each provider, and when there is something to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from fairmind_sync.outbox.availability import claimable, count_leased
from fairmind_sync.outbox.provider_state import ProviderState
from fairmind_sync.outbox.provider_state import read as read_provider_state
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.states import DEAD, PENDING, STATUSES
from fairmind_sync.storage.tables import (
    delivery_counts_table,
    outbox_table,
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """A provider's deliveries by status, and since when the oldest pending one waits."""

    counts: dict[str, int]
    oldest_pending_at: datetime | None
    state: ProviderState


def has_work(
    connection: Connection, provider: ProviderName, now: datetime, most: int | None = None
) -> bool:
    """Whether a drain would find something to do now, of which no more than `most` may be leased."""
    if not read_provider_state(connection, provider).may_try(now):
        return False
    if most is not None and connection.execute(count_leased(provider, now)).scalar_one() >= most:
        return False
    due = select(outbox_table.c.id).where(claimable(provider, now)).limit(1)
    return connection.execute(due).first() is not None


def next_work_at(connection: Connection, provider: ProviderName) -> datetime | None:
    """When a delivery falls due, its lease runs out, or its provider's probe is due.

    None: nothing waits, or nothing may go on because the provider is paused.
    """
    pending = (outbox_table.c.provider == provider, outbox_table.c.status == PENDING)
    waiting = connection.execute(
        select(outbox_table.c.due_at)
        .where(*pending, outbox_table.c.lease_expires_at.is_(None))
        .order_by(outbox_table.c.due_at)
        .limit(1)
    ).scalars()
    held = connection.execute(
        select(outbox_table.c.due_at, outbox_table.c.lease_expires_at).where(
            outbox_table.c.provider == provider, outbox_table.c.lease_token.is_not(None)
        )
    )
    times = [*waiting, *(max(row) for row in held)]
    state = read_provider_state(connection, provider)
    if state.is_paused or not times:
        return None
    first: datetime = min(times)
    return max(first, state.next_probe_at or first)


def is_backlog_full(connection: Connection, most: int) -> bool:
    """Whether that many deliveries are pending."""
    pending = select(func.sum(delivery_counts_table.c.count)).where(
        delivery_counts_table.c.status == PENDING
    )
    return int(connection.execute(pending).scalar_one()) >= most


def pending(connection: Connection, provider: ProviderName) -> int:
    """How many deliveries wait for the provider, due or not."""
    counted = select(func.sum(delivery_counts_table.c.count)).where(
        delivery_counts_table.c.provider == provider, delivery_counts_table.c.status == PENDING
    )
    return int(connection.execute(counted).scalar() or 0)


def backlog(connection: Connection, provider: ProviderName) -> Backlog:
    counts = connection.execute(
        select(delivery_counts_table.c.status, func.sum(delivery_counts_table.c.count))
        .where(delivery_counts_table.c.provider == provider)
        .group_by(delivery_counts_table.c.status)
    )
    oldest = connection.execute(
        select(outbox_table.c.created_at)
        .where(outbox_table.c.provider == provider, outbox_table.c.status == PENDING)
        .order_by(outbox_table.c.created_at)
        .limit(1)
    ).scalar()
    by_status = {row[0]: int(row[1]) for row in counts}
    return Backlog(
        {status: by_status.get(status, 0) for status in STATUSES},
        oldest,
        read_provider_state(connection, provider),
    )


def unfinished(connection: Connection, providers: Sequence[ProviderName]) -> dict[str, int]:
    """How many deliveries of each provider are pending or dead, those of none left out."""
    waiting = func.sum(delivery_counts_table.c.count)
    rows = connection.execute(
        select(delivery_counts_table.c.provider, waiting)
        .where(
            delivery_counts_table.c.provider.in_(providers),
            delivery_counts_table.c.status.in_((PENDING, DEAD)),
        )
        .group_by(delivery_counts_table.c.provider)
        .having(waiting > 0)
    )
    return {row[0]: int(row[1]) for row in rows}
