"""Looks up the attempts of a delivery: when each began and ended, and with which outcome or error."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from fairmind_sync.storage.tables import attempts_table


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt; an attempt without an outcome is under way, or its worker died."""

    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    error_kind: str | None
    error: str | None


def attempts(connection: Connection, delivery_id: int) -> list[Attempt]:
    """Returns the delivery's attempts, oldest first."""
    rows = connection.execute(
        select(
            attempts_table.c.started_at,
            attempts_table.c.finished_at,
            attempts_table.c.outcome,
            attempts_table.c.error_kind,
            attempts_table.c.error,
        )
        .where(attempts_table.c.delivery_id == delivery_id)
        .order_by(attempts_table.c.id)
    )
    return [Attempt(*row) for row in rows]
