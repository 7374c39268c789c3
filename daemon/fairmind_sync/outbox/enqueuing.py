"""Inserts the deliveries that saved results are owed, one for each provider; finds results that lack one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import (
    Connection,
    Insert,
    and_,
    bindparam,
    literal_column,
    select,
    true,
    union_all,
)

from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import Enqueued
from fairmind_sync.results.states import PENDING
from fairmind_sync.storage.statements import random_key, upsert
from fairmind_sync.storage.tables import outbox_table, results_table

MOST_IDS = 1_000
"""A statement takes only so many parameters."""


def results_without(
    connection: Connection, provider: ProviderName, since: datetime | None, limit: int
) -> list[int]:
    """Returns the ids of results without a delivery to the provider, oldest first; none that is erased."""
    rows = connection.execute(
        select(results_table.c.id)
        .outerjoin(
            outbox_table,
            and_(
                outbox_table.c.result_id == results_table.c.id, outbox_table.c.provider == provider
            ),
        )
        .where(
            outbox_table.c.id.is_(None),
            results_table.c.deleted_at.is_(None),
            results_table.c.erased_at.is_(None),
            *(() if since is None else (results_table.c.created_at >= since,)),
        )
        .order_by(results_table.c.id)
        .limit(limit)
    )
    return [row.id for row in rows]


def enqueue(
    connection: Connection,
    result_ids: Sequence[int],
    providers: Iterable[ProviderName],
    now: datetime,
) -> None:
    """Inserts the deliveries that the results don't have yet."""
    owed = tuple(providers)
    if not owed:
        return
    if len(result_ids) == 1:  # most saves: a statement with a list of ids takes twice as long
        connection.execute(
            _enqueue_statement(owed, one=True), {"of_result": result_ids[0], "now": now}
        )
        return
    for first in range(0, len(result_ids), MOST_IDS):
        part = result_ids[first : first + MOST_IDS]
        connection.execute(_enqueue_statement(owed, one=False), {"of_results": part, "now": now})


def enqueued(connection: Connection, result_ids: Sequence[int], now: datetime) -> list[Enqueued]:
    """Returns the deliveries of these results that were enqueued at `now`."""
    found: list[Enqueued] = []
    for first in range(0, len(result_ids), MOST_IDS):
        rows = connection.execute(
            select(
                outbox_table.c.id,
                outbox_table.c.provider,
                outbox_table.c.delivery_key,
                results_table.c.test_id,
            )
            .join_from(outbox_table, results_table)
            .where(
                outbox_table.c.result_id.in_(result_ids[first : first + MOST_IDS]),
                outbox_table.c.created_at == now,
            )
        )
        found += [Enqueued(*row) for row in rows]
    return found


@lru_cache
def _enqueue_statement(providers: tuple[ProviderName, ...], *, one: bool) -> Insert:
    """Returns one statement, whose rows the database makes: a delivery for each result and provider."""
    result_id = results_table.c.id
    owed = union_all(
        *(
            select(literal_column(f"'{name}'").label("provider"), literal_column(f"{n}").label("n"))
            for n, name in enumerate(providers)
        )
    ).subquery("owed")
    now = bindparam("now", type_=outbox_table.c.due_at.type)
    rows = {
        outbox_table.c.result_id: result_id,
        outbox_table.c.provider: owed.c.provider,
        outbox_table.c.delivery_key: random_key(),
        outbox_table.c.status: literal_column(f"'{PENDING}'"),
        outbox_table.c.attempts: literal_column("0"),
        outbox_table.c.due_at: now,
        outbox_table.c.created_at: now,
    }
    wanted = (
        result_id == bindparam("of_result")
        if one
        else result_id.in_(bindparam("of_results", expanding=True))
    )
    selected = select(*rows.values()).join_from(results_table, owed, true()).where(wanted)
    return (
        upsert(outbox_table)
        .from_select([*rows], selected.order_by(result_id, owed.c.n))
        .on_conflict_do_nothing(index_elements=["result_id", "provider"])
    )
