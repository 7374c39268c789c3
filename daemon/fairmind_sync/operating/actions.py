"""What an operator does: retry, discard, pause, resume, backfill, delete; how many would change, as a dry
run; each kept with who did it, and logged.

Each call logs what the call changed, keeps it with who did it, and is one transaction, but for `backfill`,
which is many. Where nobody is named, it was the account that the process runs as.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import (
    deletion,
    delivery_lookup,
    operator_log,
    provider_state,
    retry_discard,
)
from fairmind_sync.outbox.enqueuing import enqueue, results_without
from fairmind_sync.outbox.payload_locks import keep_payloads
from fairmind_sync.results.states import DEAD
from fairmind_sync.storage.engine import current_time, reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from fairmind_sync.outbox.delivery_lookup import RunFilter
    from fairmind_sync.outbox.operator_log import Actor
    from fairmind_sync.provider_names import ProviderName

_CHUNK = 500
_LOGGED = 100  # so many deliveries of a long list are named in the log

log = get_logger()


def retry(
    engine: Engine,
    delivery_ids: Sequence[int],
    by: Actor | None = None,
    *,
    subject: str | None = None,
) -> int:
    """Makes dead deliveries pending again, and leaves others as they are; returns how many changed.

    `subject` says in words how the deliveries were chosen; else they are named by their ids.
    """
    with writing(engine) as connection:
        now = current_time(engine)
        count = retry_discard.retry(connection, delivery_ids, now)
        operator_log.note(
            connection,
            "retry",
            by,
            now,
            subject=subject or operator_log.deliveries_named(delivery_ids),
            count=count,
        )
    log.info("delivery.retried", deliveries=list(delivery_ids[:_LOGGED]), count=count)
    return count


def discard(
    engine: Engine,
    delivery_ids: Sequence[int],
    reason: str,
    by: Actor | None = None,
    *,
    subject: str | None = None,
) -> int:
    """Discards deliveries that are dead, or pending and not under way; returns how many.

    `subject` is as in `retry`.
    """
    with writing(engine) as connection:
        now = current_time(engine)
        count = retry_discard.discard(connection, delivery_ids, reason, now)
        operator_log.note(
            connection,
            "discard",
            by,
            now,
            subject=subject or operator_log.deliveries_named(delivery_ids),
            count=count,
            reason=reason,
        )
    chosen = list(delivery_ids[:_LOGGED])
    log.info("delivery.discarded", deliveries=chosen, count=count, reason=reason)
    return count


def retry_all(engine: Engine, wanted: RunFilter, by: Actor | None = None) -> int:
    """Makes every dead delivery pending again that the filter lets through; returns how many."""
    dead = replace(wanted, status=DEAD)
    return retry(engine, _chosen(engine, dead), by, subject=dead.in_words())


def discard_all(engine: Engine, wanted: RunFilter, reason: str, by: Actor | None = None) -> int:
    """Discards every delivery that the filter lets through and that can be discarded; returns how many."""
    return discard(engine, _chosen(engine, wanted), reason, by, subject=wanted.in_words())


def would_retry(engine: Engine, delivery_ids: Sequence[int]) -> int:
    """Returns how many deliveries `retry` would change, and changes none."""
    return _rehearsed(engine, lambda to, now: retry_discard.retry(to, delivery_ids, now))


def would_discard(engine: Engine, delivery_ids: Sequence[int]) -> int:
    """Returns how many deliveries `discard` would change, and changes none."""
    return _rehearsed(engine, lambda to, now: retry_discard.discard(to, delivery_ids, "", now))


class _TakenBackError(Exception):
    """Ends a transaction of which nothing is to stay."""


def _rehearsed(engine: Engine, change: Callable[[Connection, datetime], int]) -> int:
    count = 0
    with suppress(_TakenBackError), writing(engine) as connection:
        count = change(connection, current_time(engine))
        raise _TakenBackError
    return count


def _chosen(engine: Engine, wanted: RunFilter) -> list[int]:
    with reading(engine) as connection:
        return delivery_lookup.ids(connection, wanted)


def pause(engine: Engine, provider: ProviderName, by: Actor | None = None) -> bool:
    """Holds the provider's deliveries back until `resume`; returns whether this changed anything."""
    with writing(engine) as connection:
        now = current_time(engine)
        is_new = provider_state.pause(connection, provider, now)
        _note_provider(connection, "pause", provider, by, now, is_new=is_new)
    log.info("provider.paused", provider=provider)
    return is_new


def resume(engine: Engine, provider: ProviderName, by: Actor | None = None) -> bool:
    """Ends a pause, and has an unready provider probed at once; returns whether this changed anything."""
    with writing(engine) as connection:
        now = current_time(engine)
        had_reason = provider_state.resume(connection, provider, now)
        _note_provider(connection, "resume", provider, by, now, is_new=had_reason)
    log.info("provider.resumed", provider=provider)
    return had_reason


def backfill(
    engine: Engine,
    provider: ProviderName,
    since: datetime | None = None,
    on_progress: Callable[[int], None] = lambda _count: None,
    by: Actor | None = None,
) -> int:
    """Enqueues every saved result that has no delivery to the provider; returns how many.

    Each 500 results are one transaction: after an interruption, another call does the rest. `on_progress`
    gets the count so far.
    """
    count = 0
    while True:
        with writing(engine) as connection:
            now = current_time(engine)
            ids = results_without(connection, provider, since, _CHUNK)
            enqueue(connection, keep_payloads(connection, ids), [provider], now)
            if not ids:
                _note_backfill(connection, provider, since, by, now, count)
        if not ids:
            return count
        count += len(ids)
        on_progress(count)


def delete(engine: Engine, test_id: str, user_id: str, by: Actor | None = None) -> int:
    """Deletes every revision of the user's test, and erases their payloads; returns how many revisions."""
    count = deletion.delete_for(engine, test_id, user_id, by)
    if count:
        log.info("result.deleted", test_id=test_id, revisions=count)
    return count


def _note_provider(
    connection: Connection,
    action: operator_log.Action,
    provider: ProviderName,
    by: Actor | None,
    now: datetime,
    *,
    is_new: bool,
) -> None:
    operator_log.note(
        connection, action, by, now, subject=provider, count=int(is_new), provider=provider
    )


def _note_backfill(
    connection: Connection,
    provider: ProviderName,
    since: datetime | None,
    by: Actor | None,
    now: datetime,
    count: int,
) -> None:
    tested = f" tested since {since:%Y-%m-%d %H:%M} UTC" if since else ""
    operator_log.note(
        connection,
        "backfill",
        by,
        now,
        subject=f"results{tested} without a delivery",
        count=count,
        provider=provider,
    )
