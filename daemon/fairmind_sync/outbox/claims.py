"""Claims due deliveries under a new lease: which are claimable,
in which order, how many at once and a second.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL,
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Row,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from fairmind_sync.outbox.saved_results import saved_result_of
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.states import PENDING
from fairmind_sync.storage.advisory_locks import advisory_lock
from fairmind_sync.storage.tables import attempts_table, outbox_table, results_table

_LATELY = timedelta(seconds=5)


OF_PROVIDER: BindParameter[Any] = bindparam("of_provider")
AT: BindParameter[Any] = bindparam("at", type_=outbox_table.c.due_at.type)
"""What statements that are made once are given when they are run: a provider, and the time."""


def claimable(
    provider: str | BindParameter[Any], now: datetime | BindParameter[Any]
) -> ColumnElement[bool]:
    """Returns the condition for a claim: pending, due, and without a live lease."""
    return and_(
        outbox_table.c.provider == provider,
        outbox_table.c.status == PENDING,
        outbox_table.c.due_at <= now,
        or_(outbox_table.c.lease_expires_at.is_(None), outbox_table.c.lease_expires_at <= now),
    )


LEASE = timedelta(seconds=50)
"""How long a relay holds what it claims; while a batch comes further, the leases are extended."""
NO_LEASE: dict[str, Any] = {"lease_token": None, "lease_expires_at": None}

# Made once, because SQLAlchemy takes longer to make such a statement than a database to run it.
_COUNT_LEASED = select(func.count()).where(
    outbox_table.c.provider == OF_PROVIDER,
    outbox_table.c.lease_token.is_not(None),
    outbox_table.c.lease_expires_at > AT,
)
_newest = (
    select(attempts_table.c.delivery_id, attempts_table.c.started_at)
    .order_by(attempts_table.c.id.desc())
    .limit(bindparam("look_at", type_=Integer))
    .subquery()
)
_COUNT_CLAIMED = (
    select(func.count())
    .join_from(_newest, outbox_table, outbox_table.c.id == _newest.c.delivery_id)
    .where(
        outbox_table.c.provider == OF_PROVIDER,
        _newest.c.started_at.between(bindparam("since", type_=AT.type), AT),
    )
)
_IS_ONE = outbox_table.c.id.in_(bindparam("ids", expanding=True))
_NEXT = (
    select(outbox_table.c.id, outbox_table.c.lease_token)
    .where(claimable(OF_PROVIDER, AT))
    .order_by(outbox_table.c.due_at, outbox_table.c.id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True)
)
_CREATED_AT = outbox_table.c.create_attempted_at
_TAKE = (
    update(outbox_table)
    .where(_IS_ONE)
    .values(
        attempts=outbox_table.c.attempts + 1,
        # Where the clock ran ahead then: the provider would wait until that time.
        create_attempted_at=case((_CREATED_AT > AT, AT), else_=_CREATED_AT),
    )
)
_LOAD = (
    select(outbox_table, results_table)
    .join_from(outbox_table, results_table)
    .where(_IS_ONE)
    .order_by(outbox_table.c.due_at, outbox_table.c.id)
    .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
)


def count_leased(connection: Connection, provider: ProviderName, now: datetime) -> int:
    """Counts the provider's deliveries under a live lease, whoever holds the lease."""
    asked = {"of_provider": provider, "at": now}
    counted: int = connection.execute(_COUNT_LEASED, asked).scalar_one()
    return counted


def room(
    connection: Connection,
    provider: ProviderName,
    now: datetime,
    *,
    most: int | None = None,
    most_a_second: int | None = None,
) -> int:
    """Returns how many more of the provider's deliveries may be claimed in this transaction.

    At most `most` are leased at once, and within five seconds at most five times `most_a_second` are claimed,
    by all workers together: a claim takes many at once. Another worker that asks waits until the transaction
    ends.
    """
    limits = [sys.maxsize]
    if most is not None or most_a_second is not None:
        advisory_lock(connection, f"claim {provider}")
    if most is not None:
        limits.append(most - count_leased(connection, provider, now))
    if most_a_second is not None:
        most_lately = round(most_a_second * _LATELY.total_seconds())
        limits.append(most_lately - _claimed_lately(connection, provider, now, 4 * most_lately))
    return min(limits)


def _claimed_lately(
    connection: Connection, provider: ProviderName, now: datetime, look_at: int
) -> int:
    """Counts the provider's claims of the last five seconds, among the newest `look_at` attempts of all.

    Attempts have no index on their times, which only this count would use.
    """
    asked = {"of_provider": provider, "since": now - _LATELY, "at": now, "look_at": look_at}
    found: int = connection.execute(_COUNT_CLAIMED, asked).scalar_one()
    return found


def claim(
    connection: Connection,
    provider: ProviderName,
    *,
    limit: int,
    lease: timedelta,
    worker: str,
    now: datetime,
    abandoned: bool = True,
) -> list[Delivery]:
    """Claims due deliveries, oldest first, under one new lease token, and counts an attempt for each.

    A delivery whose lease ran out may have killed its worker. Such a delivery is claimed alone, so that the
    others of a batch don't suffer again; where `abandoned` is false such a delivery is not claimed.
    """
    ids = _next_ids(connection, provider, limit, now, abandoned=abandoned) if limit > 0 else []
    if not ids:
        return []
    token = uuid4().hex
    taken = {"ids": ids, "at": now, "lease_token": token, "lease_expires_at": now + lease}
    connection.execute(_TAKE, taken)
    connection.execute(
        insert(attempts_table),
        [
            {"delivery_id": id_, "lease_token": token, "worker": worker, "started_at": now}
            for id_ in ids
        ],
    )
    return _load(connection, ids, now)


def _next_ids(
    connection: Connection, provider: ProviderName, limit: int, now: datetime, *, abandoned: bool
) -> list[int]:
    asked = {"of_provider": provider, "at": now, "most": limit}
    rows = connection.execute(_NEXT, asked).all()
    fresh = [row.id for row in rows if row.lease_token is None]
    left = [row.id for row in rows if row.lease_token is not None] if abandoned else []
    return left[:1] or fresh


def _load(connection: Connection, ids: Sequence[int], now: datetime) -> list[Delivery]:
    return [_delivery(row, now) for row in connection.execute(_LOAD, {"ids": ids})]


def _delivery(row: Row[Any], claimed_at: datetime) -> Delivery:
    return Delivery(
        id=row.outbox_id,
        provider=row.outbox_provider,
        key=row.outbox_delivery_key,
        lease_token=row.outbox_lease_token,
        attempts=row.outbox_attempts,
        enqueued_at=row.outbox_created_at,
        claimed_at=claimed_at,
        create_attempted_at=row.outbox_create_attempted_at,
        run_id=row.outbox_run_id,
        result=saved_result_of(row, "bias_test_results_"),
    )
