"""Groups dead deliveries by the cause in their last error, for
one retry of all; counts what died since a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from fairmind_sync.results.states import DEAD
from fairmind_sync.storage.cause_function import cause_of
from fairmind_sync.storage.tables import (
    outbox_table,
    results_table,
)

MOST = 10_000
"""So many of the newest dead deliveries are looked at."""


@dataclass(frozen=True, slots=True)
class DeadCause:
    """Deliveries that died alike: `cause` is what their last errors say, as a `RunFilter` takes it."""

    provider: str
    error_kind: str | None
    cause: str
    count: int


def dead_causes(connection: Connection) -> list[DeadCause]:
    """Returns the causes of the newest dead deliveries, those of most deliveries first."""
    newest = (
        select(outbox_table.c.provider, outbox_table.c.last_error_kind, outbox_table.c.last_error)
        .where(outbox_table.c.status == DEAD)
        .order_by(outbox_table.c.result_id.desc(), outbox_table.c.provider.desc())
        .limit(MOST)
        .subquery()
    )
    by = (newest.c.provider, newest.c.last_error_kind, newest.c.last_error)
    alike = select(*by, func.count().label("count")).group_by(*by).subquery()
    of = alike.c
    causes = select(of.provider, of.last_error_kind, cause_of(of.last_error), of["count"])
    counted: Counter[tuple[str, str | None, str]] = Counter()
    for provider, kind, cause, count in connection.execute(causes):
        counted[provider, kind, cause] += count
    return [DeadCause(*found, count) for found, count in counted.most_common()]


@dataclass(frozen=True, slots=True)
class Died:
    """How many deliveries to a provider died of one kind of error, and the newest of them, of that test."""

    provider: str
    error_kind: str | None
    count: int
    delivery_id: int
    test_id: str


def died_since(connection: Connection, since: datetime) -> list[Died]:
    """Returns what has died since then, and is dead still, by provider and kind of error.

    However it died: here, at another site, or because its worker died in the last attempt.
    """
    of = outbox_table.c
    by = (of.provider, of.last_error_kind)
    alike = (
        select(*by, func.count(), func.max(of.id))
        .where(of.status == DEAD, of.finished_at >= since)
        .group_by(*by)
    )
    found = connection.execute(alike).all()
    tests = _tests_of(connection, [newest for *_, newest in found])
    return [
        Died(provider, kind, count, newest, tests[newest])
        for provider, kind, count, newest in found
    ]


def _tests_of(connection: Connection, delivery_ids: Sequence[int]) -> dict[int, str]:
    wanted = (
        select(outbox_table.c.id, results_table.c.test_id)
        .join_from(outbox_table, results_table)
        .where(outbox_table.c.id.in_(delivery_ids))
    )
    return {row.id: row.test_id for row in connection.execute(wanted)}
