"""Every write to deliveries after their result is saved. Each verb runs inside the caller's transaction.

A write that follows a claim filters on the lease token; where no row matches, it raises LeaseLostError.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL,
    ColumnElement,
    Connection,
    Row,
    Update,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from fairmind_sync import tally
from fairmind_sync.database import take_turn
from fairmind_sync.delivery import Delivery, Run, SavedResult
from fairmind_sync.errors import LeaseLostError
from fairmind_sync.models import (
    DEAD,
    DELIVERED,
    DISCARDED,
    PENDING,
    bias_test_results,
    claimable,
    count_leased,
    delivery_attempts,
    outbox,
)
from fairmind_sync.provider_names import ProviderName

_PART = 10_000
_LATELY = timedelta(seconds=5)


def room(
    connection: Connection,
    provider: ProviderName,
    now: datetime,
    *,
    most: int | None = None,
    most_a_second: int | None = None,
) -> int:
    """How many more may be claimed, in the same transaction: whoever else asks waits for its end.

    At most `most` of the provider's deliveries are leased at once, and in five seconds at most five times
    `most_a_second` are claimed, whoever does it: a claim takes many at once.
    """
    limits = [sys.maxsize]
    if most is not None or most_a_second is not None:
        take_turn(connection, f"claim {provider}")
    if most is not None:
        leased: int = connection.execute(count_leased(provider, now)).scalar_one()
        limits.append(most - leased)
    if most_a_second is not None:
        most_lately = round(most_a_second * _LATELY.total_seconds())
        limits.append(most_lately - _claimed_lately(connection, provider, now, 4 * most_lately))
    return min(limits)


def _claimed_lately(
    connection: Connection, provider: ProviderName, now: datetime, look_at: int
) -> int:
    """Among the newest attempts, which are of every provider: no index on their times is kept for this."""
    newest = (
        select(delivery_attempts.c.delivery_id, delivery_attempts.c.started_at)
        .order_by(delivery_attempts.c.id.desc())
        .limit(look_at)
        .subquery()
    )
    counted = (
        select(func.count())
        .join_from(newest, outbox, outbox.c.id == newest.c.delivery_id)
        .where(outbox.c.provider == provider, newest.c.started_at.between(now - _LATELY, now))
    )
    found: int = connection.execute(counted).scalar_one()
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
    """Takes due deliveries, oldest first, under one new token, and counts an attempt for each.

    A delivery whose lease ran out may have killed its worker: it is taken alone, so that it can't take its
    neighbours along again; not at all where `abandoned` is false.
    """
    ids = _next_ids(connection, provider, limit, now, abandoned=abandoned) if limit > 0 else []
    if not ids:
        return []
    token = uuid4().hex
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(ids))
        .values(lease_token=token, lease_expires_at=now + lease, attempts=outbox.c.attempts + 1)
    )
    connection.execute(
        insert(delivery_attempts),
        [
            {"delivery_id": id_, "lease_token": token, "worker": worker, "started_at": now}
            for id_ in ids
        ],
    )
    return _load(connection, ids, now)


def note_creating(
    connection: Connection, delivery: Delivery, destination: str, now: datetime
) -> None:
    """From here on a run may exist at the destination."""
    _write_leased(connection, delivery, create_attempted_at=now, destination=destination)


def note_not_created(connection: Connection, delivery: Delivery) -> None:
    """The request never reached the provider, so no run can exist because of it."""
    _write_leased(connection, delivery, create_attempted_at=delivery.create_attempted_at)


def note_created(connection: Connection, delivery: Delivery, run_id: str) -> None:
    """The provider told which run it made."""
    _write_leased(connection, delivery, run_id=run_id)


def record_delivered(
    connection: Connection, delivery: Delivery, run: Run, destination: str, now: datetime
) -> None:
    """The provider confirmed the run: its id and URL become part of the record."""
    _finish(
        connection,
        delivery,
        DELIVERED,
        now,
        run_id=run.id,
        run_url=run.url,
        destination=destination,
        last_error=None,
        last_error_kind=None,
    )
    _close_attempt(connection, delivery, "delivered", now)
    tally.count_latency(connection, delivery.provider, now - delivery.enqueued_at)


def record_retry(
    connection: Connection,
    delivery: Delivery,
    kind: str,
    reason: str,
    *,
    due_at: datetime,
    now: datetime,
) -> None:
    """The attempt failed; the next one may start at `due_at`."""
    _write_leased(
        connection,
        delivery,
        due_at=due_at,
        last_error=reason,
        last_error_kind=kind,
        **_NO_LEASE,
    )
    _close_attempt(connection, delivery, "retry", now, kind, reason)


def record_dead(
    connection: Connection, delivery: Delivery, kind: str, reason: str, now: datetime
) -> None:
    """The delivery can't succeed as it stands; an operator may retry or discard it."""
    _finish(connection, delivery, DEAD, now, last_error=reason, last_error_kind=kind)
    _close_attempt(connection, delivery, "dead", now, kind, reason)


def release(
    connection: Connection, deliveries: Sequence[Delivery], now: datetime, reason: str
) -> None:
    """Gives claimed deliveries back; the attempt doesn't count. Those whose lease is lost are left alone."""
    for delivery in deliveries:
        if _give_back(connection, delivery):
            _close_attempt(connection, delivery, "released", now, "released", reason)


def unclaim(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Gives back what nobody began with, as if it had never been claimed."""
    for delivery in deliveries:
        _give_back(connection, delivery)
        connection.execute(
            delete(delivery_attempts).where(
                delivery_attempts.c.delivery_id == delivery.id,
                delivery_attempts.c.lease_token == delivery.lease_token,
            )
        )


def retry(connection: Connection, delivery_ids: Sequence[int], now: datetime) -> int:
    """Returns dead deliveries to pending, due now, with all their attempts; counts them.

    Not those of deleted results: there is nothing left to deliver.
    """
    deleted = select(bias_test_results.c.id).where(bias_test_results.c.deleted_at.is_not(None))
    retried = (
        update(outbox)
        .where(outbox.c.status == DEAD, outbox.c.result_id.not_in(deleted))
        .values(status=PENDING, attempts=0, due_at=now, finished_at=None)
    )
    return _count_changed(connection, retried, delivery_ids)


def discard(connection: Connection, delivery_ids: Sequence[int], reason: str, now: datetime) -> int:
    """Gives up deliveries that are dead, or pending and not leased; counts them."""
    waiting = and_(
        outbox.c.status == PENDING,
        or_(outbox.c.lease_expires_at.is_(None), outbox.c.lease_expires_at <= now),
    )
    discarded = (
        update(outbox)
        .where(or_(outbox.c.status == DEAD, waiting))
        .values(
            status=DISCARDED,
            finished_at=now,
            last_error=reason,
            last_error_kind="discarded",
            **_NO_LEASE,
        )
    )
    return _count_changed(connection, discarded, delivery_ids)


def _give_back(connection: Connection, delivery: Delivery) -> bool:
    """Without the attempt that the claim counted; whether its lease was still ours."""
    given_back = connection.execute(
        update(outbox).where(_leased(delivery)).values(attempts=outbox.c.attempts - 1, **_NO_LEASE)
    )
    return bool(given_back.rowcount)


def _count_changed(connection: Connection, change: Update, delivery_ids: Sequence[int]) -> int:
    """In parts: a statement takes only so many parameters."""
    parts = (delivery_ids[at : at + _PART] for at in range(0, len(delivery_ids), _PART))
    return sum(connection.execute(change.where(outbox.c.id.in_(part))).rowcount for part in parts)


# Made once: to make these at each write takes longer than the write.
_WRITE_LEASED = update(outbox).where(
    outbox.c.id == bindparam("of_delivery"), outbox.c.lease_token == bindparam("of_lease")
)
_CLOSE_ATTEMPT = update(delivery_attempts).where(
    delivery_attempts.c.delivery_id == bindparam("of_delivery"),
    delivery_attempts.c.lease_token == bindparam("of_lease"),
)
_NO_LEASE: dict[str, Any] = {"lease_token": None, "lease_expires_at": None}


def _next_ids(
    connection: Connection, provider: ProviderName, limit: int, now: datetime, *, abandoned: bool
) -> list[int]:
    rows = connection.execute(
        select(outbox.c.id, outbox.c.lease_token)
        .where(claimable(provider, now))
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    fresh = [row.id for row in rows if row.lease_token is None]
    left = [row.id for row in rows if row.lease_token is not None] if abandoned else []
    return left[:1] or fresh


def _load(connection: Connection, ids: Sequence[int], now: datetime) -> list[Delivery]:
    rows = connection.execute(
        select(outbox, bias_test_results)
        .join_from(outbox, bias_test_results)
        .where(outbox.c.id.in_(ids))
        .order_by(outbox.c.due_at, outbox.c.id)
        .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
    )
    return [_delivery(row, now) for row in rows]


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
        result=SavedResult(
            test_id=row.bias_test_results_test_id,
            user_id=row.bias_test_results_user_id,
            revision=row.bias_test_results_revision,
            model_id=row.bias_test_results_model_id,
            dataset_id=row.bias_test_results_dataset_id,
            test_type=row.bias_test_results_test_type,
            results=json.loads(row.bias_test_results_results),
            metadata=json.loads(row.bias_test_results_metadata),
            created_at=row.bias_test_results_created_at,
        ),
    )


def _leased(delivery: Delivery) -> ColumnElement[bool]:
    return and_(outbox.c.id == delivery.id, outbox.c.lease_token == delivery.lease_token)


def _write_leased(connection: Connection, delivery: Delivery, **values: Any) -> None:
    held = {"of_delivery": delivery.id, "of_lease": delivery.lease_token}
    if connection.execute(_WRITE_LEASED, {**held, **values}).rowcount == 0:
        raise LeaseLostError


def _finish(
    connection: Connection, delivery: Delivery, status: str, now: datetime, **values: Any
) -> None:
    _write_leased(connection, delivery, status=status, finished_at=now, **values, **_NO_LEASE)


def _close_attempt(
    connection: Connection,
    delivery: Delivery,
    outcome: str,
    now: datetime,
    kind: str | None = None,
    error: str | None = None,
) -> None:
    connection.execute(
        _CLOSE_ATTEMPT,
        {
            "of_delivery": delivery.id,
            "of_lease": delivery.lease_token,
            "finished_at": now,
            "outcome": outcome,
            "error_kind": kind,
            "error": error,
        },
    )
    tally.count_attempt(connection, delivery.provider, outcome, kind)
