"""What an operator does to deliveries and providers, from the command line, the REST API or the status page.

Each call is one transaction, and logs what it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from fairmind_sync import database, lookup, outbox, provider_state, saving, schema
from fairmind_sync.database import reading, writing

if TYPE_CHECKING:
    from fairmind_sync.lookup import DeliveryRecord, RunFilter
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.settings import Settings

_CHUNK = 500
_LOGGED = 100  # of a long list of deliveries, the log names so many

log = structlog.get_logger()


def retry(settings: Settings, delivery_ids: Sequence[int]) -> int:
    """Returns dead deliveries to pending; counts them. Others are left as they are."""
    engine = schema.ready_engine(settings.database_url)
    with writing(engine) as connection:
        count = outbox.retry(connection, delivery_ids, database.now(engine))
    log.info("delivery.retried", deliveries=list(delivery_ids[:_LOGGED]), count=count)
    return count


def discard(settings: Settings, delivery_ids: Sequence[int], reason: str) -> int:
    """Gives up deliveries that are dead, or pending and not under way; counts them."""
    engine = schema.ready_engine(settings.database_url)
    with writing(engine) as connection:
        count = outbox.discard(connection, delivery_ids, reason, database.now(engine))
    chosen = list(delivery_ids[:_LOGGED])
    log.info("delivery.discarded", deliveries=chosen, count=count, reason=reason)
    return count


def pause(settings: Settings, provider: ProviderName) -> bool:
    """Holds the provider's deliveries back until `resume`. False: it is paused already."""
    engine = schema.ready_engine(settings.database_url)
    with writing(engine) as connection:
        is_news = provider_state.pause(connection, provider, database.now(engine))
    log.info("provider.paused", provider=provider)
    return is_news


def resume(settings: Settings, provider: ProviderName) -> bool:
    """Ends a pause, and has an offline or blocked provider probed at once. False: it was ready."""
    engine = schema.ready_engine(settings.database_url)
    with writing(engine) as connection:
        had_reason = provider_state.resume(connection, provider, database.now(engine))
    log.info("provider.resumed", provider=provider)
    return had_reason


def backfill(
    settings: Settings,
    provider: ProviderName,
    since: datetime | None = None,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> int:
    """Enqueues every saved result that has no delivery to the provider; counts them.

    A transaction for each few hundred: one that is interrupted goes on where it was.
    """
    engine = schema.ready_engine(settings.database_url)
    count = 0
    while True:
        with writing(engine) as connection:
            ids = saving.results_without(connection, provider, since, _CHUNK)
            saving.enqueue(connection, ids, [provider], database.now(engine))
        if not ids:
            return count
        count += len(ids)
        on_progress(count)


def find(settings: Settings, wanted: RunFilter, limit: int | None = None) -> list[DeliveryRecord]:
    """The deliveries that the filter lets through, newest first."""
    with reading(schema.ready_engine(settings.database_url)) as connection:
        return lookup.deliveries(connection, wanted, limit)
