"""Samples of each provider's backlog, taken every five minutes and kept for a week; throughput and mean
latency between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sqlalchemy import Connection, bindparam, delete, func, select

from fairmind_sync.outbox.claims import OF_PROVIDER
from fairmind_sync.outbox.workload import counts_of
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.results.states import DEAD, DELIVERED, PENDING
from fairmind_sync.storage.statements import upsert
from fairmind_sync.storage.tables import latency_counts_table, provider_samples_table

EVERY = timedelta(minutes=5)
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Sample:
    """How a provider stood at a time.

    `delivered` counts deliveries ever since the beginning, `seconds` is how long these took from save to
    record, all together.
    """

    at: datetime
    pending: int
    dead: int
    delivered: int
    seconds: float


def take(connection: Connection, now: datetime) -> None:
    """Takes the sample of these five minutes, unless it is there; forgets samples of more than a week ago."""
    at = datetime.fromtimestamp(
        now.timestamp() // EVERY.total_seconds() * EVERY.total_seconds(), UTC
    )
    newest = connection.execute(_NEWEST).scalar()
    if newest is not None and newest >= at:
        return
    for provider in PROVIDERS:
        taken = asdict(now_of(connection, provider, at))
        connection.execute(_ADD, {"provider": provider, **taken})
    connection.execute(_FORGET, {"before": now - KEPT})


# Made once: a daemon asks each minute.
_NEWEST = select(func.max(provider_samples_table.c.at, type_=provider_samples_table.c.at.type))
_ADD = upsert(provider_samples_table).on_conflict_do_nothing()
_FORGET = delete(provider_samples_table).where(provider_samples_table.c.at < bindparam("before"))


def now_of(connection: Connection, provider: str, at: datetime) -> Sample:
    """Returns how the provider stands now."""
    counts = counts_of(connection, provider)
    return Sample(
        at, counts[PENDING], counts[DEAD], counts[DELIVERED], _seconds(connection, provider)
    )


def since(connection: Connection, provider: str, then: datetime) -> list[Sample]:
    """Returns the provider's samples since a time, oldest first."""
    table = provider_samples_table
    rows = connection.execute(
        select(*(table.c[field.name] for field in fields(Sample)))
        .where(table.c.provider == provider, table.c.at >= then)
        .order_by(table.c.at)
    )
    return [Sample(*row) for row in rows]


def throughput(samples: Sequence[Sample]) -> int:
    """Returns how many deliveries were made between the first and the last sample."""
    return int(sum(_gains(samples, "delivered")))


def latency(samples: Sequence[Sample]) -> timedelta | None:
    """Returns how long a delivery of that time took on average; None where there was none."""
    made = throughput(samples)
    return timedelta(seconds=sum(_gains(samples, "seconds")) / made) if made else None


def _gains(samples: Sequence[Sample], name: str) -> Iterator[float]:
    """Yields what was added from each sample to the next; a pruned or copied count adds nothing."""
    for before, after in pairwise(samples):
        yield max(0, getattr(after, name) - getattr(before, name))


def _seconds(connection: Connection, provider: str) -> float:
    return float(connection.execute(_SUM_SECONDS, {"of_provider": provider}).scalar() or 0)


_SUM_SECONDS = select(func.sum(latency_counts_table.c.total_seconds)).where(
    latency_counts_table.c.provider == OF_PROVIDER
)
