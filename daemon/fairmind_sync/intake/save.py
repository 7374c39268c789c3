"""Stores prepared results with their deliveries, each call in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fairmind_sync.outbox import idempotency, saving
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.storage.sqlite_file import require_space

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.outbox.saving import Saved
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.results.delivery import NewResult


def save_all(
    engine: Engine, new_results: Iterable[NewResult], providers: Sequence[ProviderName]
) -> list[Saved]:
    """Stores the results, each with a delivery to each provider: all of them or none.

    Raises:
        StorageError: the database can't be written; nothing was stored.
    """
    require_space(engine)
    with writing(engine) as connection:
        return saving.save_all(connection, [*new_results], providers, current_time(engine))


def save_once(engine: Engine, new: NewResult, providers: Sequence[ProviderName], key: str) -> Saved:
    """Stores the result for a request that may be repeated under the same key.

    Raises:
        KeyReusedError: the key was used for another result.
        StorageError: the database can't be written; nothing was stored.
    """
    require_space(engine)
    with writing(engine) as connection:
        return idempotency.save_once(connection, key, new, providers, current_time(engine))
