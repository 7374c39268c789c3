"""Saves once for a request that is repeated under the same Idempotency-Key; forgets keys after a day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from fairmind_sync.errors import KeyReusedError
from fairmind_sync.outbox.saving import Saved, save
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import NewResult
from fairmind_sync.storage.advisory_locks import advisory_lock
from fairmind_sync.storage.tables import idempotency_table, results_table

KEYS_LIVE = timedelta(days=1)
_FORGET_KEYS = delete(idempotency_table).where(  # made once: a daemon does so each minute
    idempotency_table.c.created_at < bindparam("before")
)


def save_once(
    connection: Connection,
    key: str,
    new: NewResult,
    providers: Iterable[ProviderName],
    now: datetime,
) -> Saved:
    """Saves the result as `save` does; stores nothing new for a key that was used within `KEYS_LIVE`.

    Raises:
        KeyReusedError: the key was used for another result; nothing is stored.
    """
    advisory_lock(connection, f"key {key}")
    old = _FORGET_KEYS.where(idempotency_table.c.key == key)
    connection.execute(old, {"before": now - KEYS_LIVE})
    used = connection.execute(
        select(idempotency_table.c.digest, idempotency_table.c.result_id).where(
            idempotency_table.c.key == key
        )
    ).one_or_none()
    if used is None:
        saved = save(connection, new, providers, now)
        connection.execute(
            insert(idempotency_table).values(
                key=key, digest=new.digest, result_id=saved.result_id, created_at=now
            )
        )
        return saved
    result = connection.execute(
        select(results_table.c.revision, results_table.c.deleted_at).where(
            results_table.c.id == used.result_id
        )
    ).one()
    if result.deleted_at is not None:  # what it was is forgotten
        return Saved(used.result_id, result.revision, is_new=False)
    if used.digest != new.digest:
        raise KeyReusedError
    return save(connection, new, providers, now)


def replace_digest(connection: Connection, result_id: int, digest: str) -> None:
    """Replaces the digest of a result that was deleted: a guess at the content could be proved by it."""
    connection.execute(
        update(idempotency_table)
        .where(idempotency_table.c.result_id == result_id)
        .values(digest=digest)
    )


def forget_keys(connection: Connection, now: datetime) -> None:
    """Deletes keys that are older than `KEYS_LIVE`."""
    connection.execute(_FORGET_KEYS, {"before": now - KEYS_LIVE})
