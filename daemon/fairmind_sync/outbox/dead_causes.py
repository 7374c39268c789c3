"""Groups dead deliveries by the cause in their last error, for
one retry of all; counts what died since a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, distinct, func, select

from fairmind_sync.outbox.unclean_attempts import is_unclean
from fairmind_sync.results.states import DEAD
from fairmind_sync.storage.cause_function import cause_of
from fairmind_sync.storage.tables import (
    attempts_table,
    hand_overs_table,
    outbox_table,
    results_table,
)

MOST = 10_000
"""So many of the newest dead deliveries are looked at."""
_LONGEST_ATTEMPT = timedelta(hours=1)


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
    """Returns what has died since then, and is dead still, by provider and kind of error."""
    counted: Counter[tuple[str, str | None]] = Counter()
    newest: dict[tuple[str, str | None], int] = {}
    for died in (_of_attempts(since), _of_receipts(since)):
        by = (outbox_table.c.provider, outbox_table.c.last_error_kind)
        is_dead = (outbox_table.c.status == DEAD, outbox_table.c.finished_at >= since)
        count = func.count(distinct(outbox_table.c.id))
        last = func.max(outbox_table.c.id)
        chosen = died.with_only_columns(*by, count, last).where(*is_dead).group_by(*by)
        for provider, kind, number, last_id in connection.execute(chosen):
            counted[provider, kind] += number
            newest[provider, kind] = max(last_id, newest.get((provider, kind), 0))
    tests = _tests_of(connection, [*newest.values()])
    return [
        Died(*cause, count, newest[cause], tests[newest[cause]]) for cause, count in counted.items()
    ]


def _tests_of(connection: Connection, delivery_ids: Sequence[int]) -> dict[int, str]:
    wanted = (
        select(outbox_table.c.id, results_table.c.test_id)
        .join_from(outbox_table, results_table)
        .where(outbox_table.c.id.in_(delivery_ids))
    )
    return {row.id: row.test_id for row in connection.execute(wanted)}


def _of_attempts(since: datetime) -> Select[Any]:
    """Returns the deliveries that died here; of attempts from an hour before on, as none takes longer."""
    return (
        select(outbox_table)
        .join_from(attempts_table, outbox_table)
        .where(
            attempts_table.c.started_at >= since - _LONGEST_ATTEMPT,
            attempts_table.c.outcome == DEAD,
            is_unclean(),  # which the other implies: for the index
        )
    )


def _of_receipts(since: datetime) -> Select[Any]:
    """Returns the deliveries of which another site has told since then."""
    return (
        select(outbox_table)
        .join_from(hand_overs_table, outbox_table)
        .where(hand_overs_table.c.heard_at >= since)
    )
