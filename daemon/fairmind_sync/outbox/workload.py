"""Reads how many deliveries wait for each provider, and when there is something to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from fairmind_sync.outbox.claims import AT, OF_PROVIDER, claimable, count_leased
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
    """A provider's state, its deliveries by status, and since when the oldest pending delivery waits."""

    counts: dict[str, int]
    oldest_pending_at: datetime | None
    state: ProviderState


# Made once: a daemon looks for work after each commit.
_DUE = select(outbox_table.c.id).where(claimable(OF_PROVIDER, AT)).limit(1)
_PENDING = (outbox_table.c.provider == OF_PROVIDER, outbox_table.c.status == PENDING)
_NEXT_DUE = (
    select(outbox_table.c.due_at)
    .where(*_PENDING, outbox_table.c.lease_expires_at.is_(None))
    .order_by(outbox_table.c.due_at)
    .limit(1)
)
_HELD = select(outbox_table.c.due_at, outbox_table.c.lease_expires_at).where(
    outbox_table.c.provider == OF_PROVIDER, outbox_table.c.lease_token.is_not(None)
)
_COUNT_PENDING = select(func.sum(delivery_counts_table.c.count)).where(
    delivery_counts_table.c.provider == OF_PROVIDER, delivery_counts_table.c.status == PENDING
)


def has_work(
    connection: Connection, provider: ProviderName, now: datetime, most: int | None = None
) -> bool:
    """Returns whether a drain would find something to do now, if at most `most` deliveries are leased."""
    if not read_provider_state(connection, provider).may_try(now):
        return False
    return has_due(connection, provider, now, most)


def has_due(
    connection: Connection, provider: ProviderName, now: datetime, most: int | None = None
) -> bool:
    """Returns whether anything can be claimed now of a provider that may be tried; else as `has_work`."""
    if most is not None and count_leased(connection, provider, now) >= most:
        return False
    return connection.execute(_DUE, {"of_provider": provider, "at": now}).first() is not None


def next_work_at(connection: Connection, provider: ProviderName) -> datetime | None:
    """Returns when the first delivery can be claimed, not before the probe of a provider that isn't ready.

    None: nothing waits for the provider, or the provider is paused.
    """
    waiting = connection.execute(_NEXT_DUE, {"of_provider": provider}).scalars()
    held = connection.execute(_HELD, {"of_provider": provider})
    times = [*waiting, *(max(row) for row in held)]
    state = read_provider_state(connection, provider)
    if state.is_paused or not times:
        return None
    first: datetime = min(times)
    return max(first, state.next_probe_at or first)


def is_backlog_full(connection: Connection, most: int) -> bool:
    """Returns whether `most` deliveries or more are pending."""
    pending = select(func.sum(delivery_counts_table.c.count)).where(
        delivery_counts_table.c.status == PENDING
    )
    return int(connection.execute(pending).scalar_one()) >= most


def pending(connection: Connection, provider: ProviderName) -> int:
    """Returns how many of the provider's deliveries are pending, due or not."""
    return int(connection.execute(_COUNT_PENDING, {"of_provider": provider}).scalar() or 0)


def counts_of(connection: Connection, provider: ProviderName) -> dict[str, int]:
    """Returns how many deliveries the provider has in each status."""
    counts = connection.execute(
        select(delivery_counts_table.c.status, func.sum(delivery_counts_table.c.count))
        .where(delivery_counts_table.c.provider == provider)
        .group_by(delivery_counts_table.c.status)
    )
    by_status = {row[0]: int(row[1]) for row in counts}
    return {status: by_status.get(status, 0) for status in STATUSES}


def backlog(connection: Connection, provider: ProviderName) -> Backlog:
    oldest = connection.execute(
        select(outbox_table.c.created_at)
        .where(outbox_table.c.provider == provider, outbox_table.c.status == PENDING)
        .order_by(outbox_table.c.created_at)
        .limit(1)
    ).scalar()
    return Backlog(
        counts_of(connection, provider),
        oldest,
        read_provider_state(connection, provider),
    )


def unfinished(connection: Connection, providers: Sequence[ProviderName]) -> dict[str, int]:
    """Returns how many deliveries of each provider are pending or dead; leaves out providers with none."""
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
