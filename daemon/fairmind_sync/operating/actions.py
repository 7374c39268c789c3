"""Acts on deliveries and providers for an operator, at the command line, the REST API or the status page.

Each call logs what the call changed, and is one transaction, but for `backfill`, which is many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import provider_state, retry_discard
from fairmind_sync.outbox.enqueuing import enqueue, results_without
from fairmind_sync.outbox.payload_locks import keep_payloads
from fairmind_sync.storage.engine import current_time, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.provider_names import ProviderName

_CHUNK = 500
_LOGGED = 100  # so many deliveries of a long list are named in the log

log = get_logger()


def retry(engine: Engine, delivery_ids: Sequence[int]) -> int:
    """Makes dead deliveries pending again, and leaves others as they are; returns how many changed."""
    with writing(engine) as connection:
        count = retry_discard.retry(connection, delivery_ids, current_time(engine))
    log.info("delivery.retried", deliveries=list(delivery_ids[:_LOGGED]), count=count)
    return count


def discard(engine: Engine, delivery_ids: Sequence[int], reason: str) -> int:
    """Discards deliveries that are dead, or pending and not under way; returns how many."""
    with writing(engine) as connection:
        count = retry_discard.discard(connection, delivery_ids, reason, current_time(engine))
    chosen = list(delivery_ids[:_LOGGED])
    log.info("delivery.discarded", deliveries=chosen, count=count, reason=reason)
    return count


def pause(engine: Engine, provider: ProviderName) -> bool:
    """Holds the provider's deliveries back until `resume`; returns whether this changed anything."""
    with writing(engine) as connection:
        is_new = provider_state.pause(connection, provider, current_time(engine))
    log.info("provider.paused", provider=provider)
    return is_new


def resume(engine: Engine, provider: ProviderName) -> bool:
    """Ends a pause, and has an unready provider probed at once; returns whether this changed anything."""
    with writing(engine) as connection:
        had_reason = provider_state.resume(connection, provider, current_time(engine))
    log.info("provider.resumed", provider=provider)
    return had_reason


def backfill(
    engine: Engine,
    provider: ProviderName,
    since: datetime | None = None,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> int:
    """Enqueues every saved result that has no delivery to the provider; returns how many.

    Each 500 results are one transaction: after an interruption, another call does the rest. `on_progress`
    gets the count so far.
    """
    count = 0
    while True:
        with writing(engine) as connection:
            ids = results_without(connection, provider, since, _CHUNK)
            enqueue(connection, keep_payloads(connection, ids), [provider], current_time(engine))
        if not ids:
            return count
        count += len(ids)
        on_progress(count)
