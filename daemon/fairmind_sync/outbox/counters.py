"""Counters for metrics, kept in tables as deliveries are recorded: attempts by outcome and kind of error,
latencies by bucket; folds the rows of delivery counts.

Each write runs inside the caller's transaction.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, delete, func, insert, select

from fairmind_sync.storage.statements import upsert
from fairmind_sync.storage.tables import (
    attempt_counts_table,
    delivery_counts_table,
    latency_counts_table,
)

UNLIMITED = 1e308
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0, UNLIMITED)
"""Upper limits in seconds; each bucket counts what no lower bucket does."""
_MOST_COUNTS = 64
"""Rows of delivery counts up to which a fold isn't worth its time."""


@dataclass(frozen=True, slots=True)
class AttemptCount:
    """How many attempts ended with one outcome and one kind of error, which is empty where there was none."""

    provider: str
    outcome: str
    error_kind: str
    count: int


@dataclass(frozen=True, slots=True)
class LatencyCount:
    """How many deliveries took at most `up_to_seconds`, but longer than the next lower bucket's limit."""

    provider: str
    up_to_seconds: float
    count: int
    total_seconds: float


def count_attempt(
    connection: Connection, provider: str, outcome: str, error_kind: str | None
) -> None:
    counted = {"provider": provider, "outcome": outcome, "error_kind": error_kind or "", "count": 1}
    connection.execute(_COUNT_ATTEMPT, counted)


def count_latency(connection: Connection, provider: str, latency: timedelta) -> None:
    """Counts the time from a delivery's enqueue to the record of its run; negative time counts as 0 s."""
    seconds = max(0.0, latency.total_seconds())
    bucket = BUCKETS[bisect_left(BUCKETS, seconds)]
    counted = {"provider": provider, "up_to_seconds": bucket, "count": 1, "total_seconds": seconds}
    connection.execute(_COUNT_LATENCY, counted)


def fold_delivery_counts(connection: Connection) -> None:
    """Replaces the many rows of each pair of provider and status by one, where each write adds a row."""
    if connection.execute(_COUNT_ROWS).scalar_one() > _MOST_COUNTS:
        connection.execute(_FOLD)


def attempts(connection: Connection) -> list[AttemptCount]:
    return [AttemptCount(*row) for row in connection.execute(select(attempt_counts_table))]


def latencies(connection: Connection) -> list[LatencyCount]:
    """Returns each provider's buckets that hold something, the lowest limit first."""
    ordered = select(latency_counts_table).order_by(
        latency_counts_table.c.provider, latency_counts_table.c.up_to_seconds
    )
    return [LatencyCount(*row) for row in connection.execute(ordered)]


_new_attempts, _new_latencies = upsert(attempt_counts_table), upsert(latency_counts_table)
_COUNT_ATTEMPT = _new_attempts.on_conflict_do_update(
    index_elements=["provider", "outcome", "error_kind"],
    set_={"count": attempt_counts_table.c.count + _new_attempts.excluded.count},
)
_COUNT_LATENCY = _new_latencies.on_conflict_do_update(
    index_elements=["provider", "up_to_seconds"],
    set_={
        "count": latency_counts_table.c.count + _new_latencies.excluded.count,
        "total_seconds": latency_counts_table.c.total_seconds
        + _new_latencies.excluded.total_seconds,
    },
)
_COUNT_ROWS = select(func.count()).select_from(delivery_counts_table)
_of = delivery_counts_table.c
_gone = delete(delivery_counts_table).returning(_of.provider, _of.status, _of.count).cte("gone")
_FOLD = insert(delivery_counts_table).from_select(
    ["provider", "status", "count"],
    select(_gone.c.provider, _gone.c.status, func.sum(_gone.c.count)).group_by(
        _gone.c.provider, _gone.c.status
    ),
)
"""One statement sees one state of the table: rows that others add meanwhile stay."""
