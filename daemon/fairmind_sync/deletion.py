"""Deletes results, inside the caller's transaction.

A deleted result is found no more. What of it waits for a provider is discarded; runs that were delivered stay
at their provider, and their URLs stay on record. Its payload goes at once, or as soon as a delivery that is
under way has ended.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import Connection, exists, select, update

from fairmind_sync import outbox
from fairmind_sync.database import take_turn
from fairmind_sync.models import PENDING, bias_test_results
from fairmind_sync.models import outbox as deliveries

REASON = "the result was deleted"
_UNERASED = (bias_test_results.c.deleted_at.is_not(None), bias_test_results.c.erased_at.is_(None))


def delete(connection: Connection, test_id: str, user_id: str, now: datetime) -> int:
    """Deletes every revision of the user's test; counts them.

    The digest goes too: saving the same content again is a new result.
    """
    ids = connection.execute(
        select(bias_test_results.c.id).where(
            bias_test_results.c.test_id == test_id,
            bias_test_results.c.user_id == user_id,
            bias_test_results.c.deleted_at.is_(None),
        )
    ).scalars()
    found = list(ids)
    for id_ in found:
        connection.execute(
            update(bias_test_results)
            .where(bias_test_results.c.id == id_)
            .values(deleted_at=now, digest=secrets.token_hex(32))
        )
    finish(connection, now)
    return len(found)


def finish(connection: Connection, now: datetime) -> None:
    """Discards what deleted results still wait with, and erases the payloads that nobody needs any more."""
    if (
        connection.execute(select(bias_test_results.c.id).where(*_UNERASED).limit(1)).first()
        is None
    ):
        return
    take_turn(connection, "deletion")
    unfinished = connection.execute(
        select(deliveries.c.id).join_from(deliveries, bias_test_results).where(*_UNERASED)
    ).scalars()
    outbox.discard(connection, list(unfinished), REASON, now)
    connection.execute(
        update(bias_test_results)
        .where(
            *_UNERASED,
            ~exists().where(
                deliveries.c.result_id == bias_test_results.c.id, deliveries.c.status == PENDING
            ),
        )
        .values(
            results="{}",
            metadata="{}",
            overall_risk=None,
            metrics_passed=0,
            metrics_failed=0,
            erased_at=now,
        )
    )
