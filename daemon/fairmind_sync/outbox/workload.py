"""Counts what is pending and dead for each provider; says whether there is work now, when the next delivery
falls due, and whether the backlog is full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Select, func, select, union_all

from fairmind_sync.outbox import provider_state
from fairmind_sync.outbox.claims import OF_PROVIDER
from fairmind_sync.outbox.provider_state import ProviderState
from fairmind_sync.provider_names import PROVIDERS, UNDECIDED, ProviderName
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


@dataclass(frozen=True, slots=True)
class Workload:
    """A provider's state, when the first of its deliveries can be claimed, and when its leases end."""

    state: ProviderState
    first_at: datetime | None
    leases_end_at: tuple[datetime, ...]

    def has_any(self, now: datetime, most: int | None = None) -> bool:
        """Returns whether a drain would find something to do now, if at most `most` deliveries are leased."""
        return self.state.may_try(now) and self._is_due(now) and self._has_room(now, most)

    @property
    def next_at(self) -> datetime | None:
        """When the first delivery can be claimed, not before the probe of a provider that isn't ready.

        None: nothing waits for the provider, or the provider is paused.
        """
        if self.state.is_paused or self.first_at is None:
            return None
        return max(self.first_at, self.state.next_probe_at or self.first_at)

    def _is_due(self, now: datetime) -> bool:
        return self.first_at is not None and self.first_at <= now

    def _has_room(self, now: datetime, most: int | None) -> bool:
        return most is None or sum(end > now for end in self.leases_end_at) < most


# Made once: a daemon looks for work after each commit.
_OF_DELIVERY = (
    outbox_table.c.provider,
    outbox_table.c.due_at,
    outbox_table.c.lease_expires_at,
)


def _first_free(provider: str) -> Select[Any]:
    first = (
        select(*_OF_DELIVERY)
        .where(
            outbox_table.c.provider == provider,
            outbox_table.c.status == PENDING,
            outbox_table.c.lease_expires_at.is_(None),
        )
        .order_by(outbox_table.c.due_at)
        .limit(1)
    )
    return select(first.subquery())


_FIRST_FREE_AND_ALL_HELD: CompoundSelect[Any] = union_all(
    *map(_first_free, (*PROVIDERS, UNDECIDED)),
    select(*_OF_DELIVERY).where(outbox_table.c.lease_token.is_not(None)),
)
_COUNT_PENDING = select(func.sum(delivery_counts_table.c.count)).where(
    delivery_counts_table.c.provider == OF_PROVIDER, delivery_counts_table.c.status == PENDING
)
_COUNT_BY_STATUS = (
    select(delivery_counts_table.c.status, func.sum(delivery_counts_table.c.count))
    .where(delivery_counts_table.c.provider == OF_PROVIDER)
    .group_by(delivery_counts_table.c.status)
)


def read_all(connection: Connection) -> dict[str, Workload]:
    """Reads what a daemon goes by when it looks for work, for each provider, and for what is undecided."""
    states = provider_state.read_all(connection)
    found = connection.execute(_FIRST_FREE_AND_ALL_HELD).all()
    return {
        name: _workload(states[name], [(due_at, end) for of, due_at, end in found if of == name])
        for name in states
    }


def _workload(state: ProviderState, found: Sequence[tuple[datetime, datetime | None]]) -> Workload:
    times = [due_at if end is None else max(due_at, end) for due_at, end in found]
    ends = tuple(end for _due_at, end in found if end is not None)
    return Workload(state, min(times, default=None), ends)


def has_work(
    connection: Connection, provider: ProviderName, now: datetime, most: int | None = None
) -> bool:
    """Returns whether a drain would find something to do now, as `Workload.has_any` does."""
    return read_all(connection)[provider].has_any(now, most)


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
    counts = connection.execute(_COUNT_BY_STATUS, {"of_provider": provider})
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
        provider_state.read(connection, provider),
    )


def newest_at(connection: Connection) -> datetime | None:
    """Returns when the newest delivery was queued, by the clock of then; None where there is none."""
    column = outbox_table.c.created_at
    newest: datetime | None = connection.execute(
        select(func.max(column, type_=column.type))
    ).scalar()
    return newest


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
