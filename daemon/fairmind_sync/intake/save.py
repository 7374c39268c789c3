"""Stores prepared results in one transaction of its own, with a look at the disk's space before;
`outbox/saving.py` has the SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from fairmind_sync import tracing
from fairmind_sync.outbox import idempotency, saving
from fairmind_sync.outbox.enqueuing import enqueued
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.storage.sqlite_file import require_space

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from fairmind_sync.outbox.saving import Saved
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.results.delivery import Enqueued, NewResult


def save_all(
    engine: Engine, new_results: Iterable[NewResult], providers: Sequence[ProviderName]
) -> list[Saved]:
    """Stores the results, each with a delivery to each provider: all of them or none.

    Raises:
        StorageError: the database can't be written; nothing was stored.
    """
    return _stored(
        engine,
        lambda connection, now: saving.save_all(connection, [*new_results], providers, now),
    )


def save_once(engine: Engine, new: NewResult, providers: Sequence[ProviderName], key: str) -> Saved:
    """Stores the result for a request that may be repeated under the same key.

    Raises:
        KeyReusedError: the key was used for another result.
        StorageError: the database can't be written; nothing was stored.
    """
    (saved,) = _stored(
        engine,
        lambda connection, now: [idempotency.save_once(connection, key, new, providers, now)],
    )
    return saved


def _stored(engine: Engine, save: Callable[[Connection, datetime], list[Saved]]) -> list[Saved]:
    """Saves in one transaction; where traces are wanted, notes the deliveries that were made."""
    require_space(engine)
    traces, began = tracing.current(), tracing.now()
    made: list[Enqueued] = []
    with writing(engine) as connection:
        now = current_time(engine)
        saved = save(connection, now)
        if traces.is_on:
            made = enqueued(connection, [one.result_id for one in saved], now)
    traces.saved(made, began)
    return saved
