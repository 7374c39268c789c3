"""Deletes a user's result: it is found no more, waiting deliveries are discarded, the payload is erased.

A deleted result is found no more. Its pending and dead deliveries are discarded; runs that were delivered
stay at their provider, and their URLs stay on record. The result's payload is erased at once, or as soon as a
delivery that is under way has ended; so are providers' words, which may repeat what they were sent. Each
function but `delete_for` runs inside the caller's transaction.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, exists, select, update

from fairmind_sync.outbox import idempotency, operator_log, retry_discard
from fairmind_sync.outbox.erased_words import erase_words
from fairmind_sync.results.states import PENDING
from fairmind_sync.storage.advisory_locks import advisory_lock
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.storage.erasure import empty_log, note_erasure
from fairmind_sync.storage.tables import outbox_table as deliveries
from fairmind_sync.storage.tables import results_table

REASON = "the result was deleted"
_UNERASED = (results_table.c.deleted_at.is_not(None), results_table.c.erased_at.is_(None))
_NO_VERDICT: dict[str, Any] = {
    "overall_risk": None,
    "metrics_passed": 0,
    "metrics_failed": 0,
    "has_passed": None,
}
_ANY_UNERASED = select(results_table.c.id).where(*_UNERASED).limit(1)  # made once: each claim asks


def delete_for(engine: Engine, test_id: str, user_id: str, by: operator_log.Actor | None) -> int:
    """Deletes every revision of the user's test, and keeps who did; returns how many revisions.

    The erased content leaves a SQLite file's write-ahead log, too.
    """
    with writing(engine) as connection:
        now = current_time(engine)
        count = delete(connection, test_id, user_id, now)
        operator_log.note(connection, "delete", by, now, subject=f"test {test_id}", count=count)
    if count:
        empty_log(engine)
    return count


def delete(connection: Connection, test_id: str, user_id: str, now: datetime) -> int:
    """Deletes every revision of the user's test; returns how many revisions.

    The digest is overwritten too, so that the same content, saved again, is a new result.
    """
    ids = connection.execute(
        select(results_table.c.id).where(
            results_table.c.test_id == test_id,
            results_table.c.user_id == user_id,
            results_table.c.deleted_at.is_(None),
        )
    ).scalars()
    found = list(ids)
    for id_ in found:
        digest = secrets.token_hex(32)
        connection.execute(
            update(results_table)
            .where(results_table.c.id == id_)
            .values(deleted_at=now, digest=digest)
        )
        idempotency.replace_digest(connection, id_, digest)
        erased = update(results_table).where(
            results_table.c.id == id_, results_table.c.erased_at.is_not(None)
        )
        connection.execute(erased.values(_NO_VERDICT))  # a retention leaves that
    finish(connection, now)
    return len(found)


def finish(connection: Connection, now: datetime) -> None:
    """Discards the deliveries of deleted results, and erases each payload that no pending delivery needs."""
    if connection.execute(_ANY_UNERASED).first() is None:
        return
    advisory_lock(connection, "deletion")
    unfinished = connection.execute(
        select(deliveries.c.id).join_from(deliveries, results_table).where(*_UNERASED)
    ).scalars()
    retry_discard.discard(connection, list(unfinished), REASON, now, even_handed_over=True)
    erasable = (
        *_UNERASED,
        ~exists().where(
            deliveries.c.result_id == results_table.c.id, deliveries.c.status == PENDING
        ),
    )
    erase_words(connection, select(results_table.c.id).where(*erasable))
    erased = connection.execute(
        update(results_table)
        .where(*erasable)
        .values(
            results="{}",
            metadata="{}",
            erased_at=now,
            **_NO_VERDICT,
        )
    )
    if erased.rowcount:
        note_erasure(connection)
