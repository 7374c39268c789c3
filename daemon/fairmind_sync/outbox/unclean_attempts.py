"""Reads attempts that ended unclean, and what is recorded of their deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.states import DELIVERED
from fairmind_sync.storage.tables import (
    attempts_table,
    outbox_table,
)

SUSPECT_FOR = timedelta(days=1)
"""The longest after an attempt that a request of that attempt may reach a server, or its process wake up."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is recorded of a delivery's run."""

    status: str
    run_id: str | None


def standing(connection: Connection, provider: ProviderName, key: str) -> Standing | None:
    """Returns what is recorded under the delivery key; None for a key of another database."""
    row = connection.execute(
        select(outbox_table.c.status, outbox_table.c.run_id).where(
            outbox_table.c.provider == provider, outbox_table.c.delivery_key == key
        )
    ).one_or_none()
    return Standing(*row) if row else None


def is_unclean() -> ColumnElement[bool]:
    """Returns the condition for an attempt that delivered nothing, as an index of these has it."""
    return or_(attempts_table.c.outcome.is_(None), attempts_table.c.outcome != DELIVERED)


def is_suspect(now: datetime) -> ColumnElement[bool]:
    """Returns the condition for a suspect attempt: recent, and not the one that delivered."""
    return and_(
        is_unclean(),
        attempts_table.c.started_at >= now - SUSPECT_FOR,
    )


def suspect_keys(
    connection: Connection, provider: ProviderName, now: datetime, limit: int | None = None
) -> list[str]:
    """Returns the keys of deliveries that may have made a run in a suspect attempt."""
    return list(
        connection.execute(
            select(outbox_table.c.delivery_key)
            .join_from(attempts_table, outbox_table)
            .where(
                is_suspect(now),
                outbox_table.c.provider == provider,
                outbox_table.c.create_attempted_at.is_not(None),
            )
            .distinct()
            .limit(limit)
        ).scalars()
    )
