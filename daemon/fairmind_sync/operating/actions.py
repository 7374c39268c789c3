"""What an operator does to deliveries and providers, from the command line, the REST API or the status page.

Each call is one transaction, and logs what it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from fairmind_sync.outbox import decisions, provider_state
from fairmind_sync.outbox.enqueuing import enqueue, results_without
from fairmind_sync.storage.engine import current_time, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.provider_names import ProviderName

_CHUNK = 500
_LOGGED = 100  # of a long list of deliveries, the log names so many

log = structlog.get_logger()


def retry(engine: Engine, delivery_ids: Sequence[int]) -> int:
    """Returns dead deliveries to pending; counts them. Others are left as they are."""
    with writing(engine) as connection:
        count = decisions.retry(connection, delivery_ids, current_time(engine))
    log.info("delivery.retried", deliveries=list(delivery_ids[:_LOGGED]), count=count)
    return count


def discard(engine: Engine, delivery_ids: Sequence[int], reason: str) -> int:
    """Gives up deliveries that are dead, or pending and not under way; counts them."""
    with writing(engine) as connection:
        count = decisions.discard(connection, delivery_ids, reason, current_time(engine))
    chosen = list(delivery_ids[:_LOGGED])
    log.info("delivery.discarded", deliveries=chosen, count=count, reason=reason)
    return count


def pause(engine: Engine, provider: ProviderName) -> bool:
    """Holds the provider's deliveries back until `resume`. False: it is paused already."""
    with writing(engine) as connection:
        is_news = provider_state.pause(connection, provider, current_time(engine))
    log.info("provider.paused", provider=provider)
    return is_news


def resume(engine: Engine, provider: ProviderName) -> bool:
    """Ends a pause, and has an offline or blocked provider probed at once. False: it was ready."""
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
    """Enqueues every saved result that has no delivery to the provider; counts them.

    A transaction for each few hundred: one that is interrupted goes on where it was.
    """
    count = 0
    while True:
        with writing(engine) as connection:
            ids = results_without(connection, provider, since, _CHUNK)
            enqueue(connection, ids, [provider], current_time(engine))
        if not ids:
            return count
        count += len(ids)
        on_progress(count)
