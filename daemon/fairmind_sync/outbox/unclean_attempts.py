"""Finds attempts that ended unclean and may make a run later: whose
deliveries need a sweep; notes a sweep that was done.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)

from fairmind_sync.outbox.claims import OF_PROVIDER
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.states import DELIVERED, READY
from fairmind_sync.storage.statements import upsert
from fairmind_sync.storage.tables import (
    attempts_table,
    outbox_table,
    provider_table,
    results_table,
)

SUSPECT_FOR = timedelta(days=1)
"""The longest after an attempt that a request of that attempt may reach a server, or its process wake up."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is recorded of a delivery's run, when its result was saved, and where the run was delivered."""

    status: str
    run_id: str | None
    saved_at: datetime
    destination: str | None = None


def standing(connection: Connection, provider: ProviderName, key: str) -> Standing | None:
    """Returns what is recorded under the delivery key; None for a key of another database."""
    row = connection.execute(
        select(
            outbox_table.c.status,
            outbox_table.c.run_id,
            results_table.c.created_at,
            outbox_table.c.destination,
        )
        .join_from(outbox_table, results_table)
        .where(outbox_table.c.provider == provider, outbox_table.c.delivery_key == key)
    ).one_or_none()
    return Standing(*row) if row else None


def is_unclean() -> ColumnElement[bool]:
    """Returns the condition for an attempt that delivered nothing, as an index of these has it."""
    return or_(attempts_table.c.outcome.is_(None), attempts_table.c.outcome != DELIVERED)


def is_recent(now: datetime) -> ColumnElement[bool]:
    """Returns the condition for a recent attempt that delivered nothing."""
    return and_(is_unclean(), attempts_table.c.started_at >= now - SUSPECT_FOR)


def needs_sweep() -> ColumnElement[bool]:
    """Returns the condition for an attempt that may have left a run behind, and was not swept late enough."""
    swept = (
        exists()
        .where(
            provider_table.c.provider == outbox_table.c.provider,
            provider_table.c.swept_until > attempts_table.c.started_at,
        )
        .correlate(outbox_table, attempts_table)  # of itself it would look at every attempt
    )
    may_have_made_a_run = exists().where(
        outbox_table.c.id == attempts_table.c.delivery_id,
        outbox_table.c.create_attempted_at.is_not(None),
        ~swept,
    )
    return and_(is_unclean(), may_have_made_a_run)


# Made once: a daemon asks in each sweep, and before it prunes.
_SWEPT_UNTIL = select(provider_table.c.swept_until).where(provider_table.c.provider == OF_PROVIDER)
_SUSPECTS = (
    select(outbox_table.c.delivery_key)
    .join_from(attempts_table, outbox_table)
    .where(
        is_unclean(),
        outbox_table.c.provider == OF_PROVIDER,
        outbox_table.c.create_attempted_at.is_not(None),
    )
    .distinct()
    .limit(bindparam("most", type_=BigInteger))
)
_SUSPECTS_SINCE = _SUSPECTS.where(attempts_table.c.started_at >= bindparam("since"))


def suspect_keys(
    connection: Connection, provider: ProviderName, now: datetime, limit: int | None = None
) -> list[str]:
    """Returns the keys of deliveries that may have made a run in an attempt that needs a sweep yet.

    An attempt needs sweeps until one comes `SUSPECT_FOR` after it: a machine may sleep for longer than that.
    """
    most = sys.maxsize if limit is None else limit
    asked: dict[str, Any] = {"of_provider": provider, "most": most}
    since = connection.execute(_SWEPT_UNTIL, {"of_provider": provider}).scalar()
    suspects = _SUSPECTS
    if since is not None:
        # The clock may have been set back since the last sweep.
        asked["since"] = min(since, now - SUSPECT_FOR)
        suspects = _SUSPECTS_SINCE
    return list(connection.execute(suspects, asked).scalars())


def sweep_again(connection: Connection, delivery_ids: Sequence[int]) -> None:
    """Has the attempts of deliveries that have ended swept once more, however long ago those began.

    A sweep leaves the runs of a pending delivery alone: its next attempt takes the one that it finds.
    """
    if not delivery_ids:
        return
    oldest = (
        select(func.min(attempts_table.c.started_at))
        .join_from(attempts_table, outbox_table)
        .where(
            outbox_table.c.id.in_(delivery_ids),
            outbox_table.c.provider == provider_table.c.provider,
            outbox_table.c.create_attempted_at.is_not(None),
            is_unclean(),
        )
        .scalar_subquery()
    )
    connection.execute(
        update(provider_table)
        .where(provider_table.c.swept_until > oldest)
        .values(swept_until=oldest)
    )


def note_swept(connection: Connection, provider: ProviderName, began: datetime) -> None:
    """Records a whole sweep that began then: attempts that began `SUSPECT_FOR` before need no other.

    But for those whose delivery ended while the sweep ran: the sweep may have seen it pending.
    """
    until = began - SUSPECT_FOR
    swept = {"provider": provider, "state": READY, "since": began, "swept_until": until}
    connection.execute(_NOTE_SWEPT, swept)
    asked = {"of_provider": provider, "swept_until": until, "began": began}
    sweep_again(connection, list(connection.execute(_ENDED_MEANWHILE, asked).scalars()))


_ENDED_MEANWHILE = (
    select(attempts_table.c.delivery_id)
    .join_from(attempts_table, outbox_table)
    .where(
        is_unclean(),
        attempts_table.c.started_at < bindparam("swept_until"),
        outbox_table.c.provider == OF_PROVIDER,
        outbox_table.c.create_attempted_at.is_not(None),
        outbox_table.c.finished_at >= bindparam("began"),
    )
    .distinct()
)
_swept = upsert(provider_table)
_NOTE_SWEPT = _swept.on_conflict_do_update(
    index_elements=["provider"], set_={"swept_until": _swept.excluded.swept_until}
)
