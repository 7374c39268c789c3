"""Saves a result together with its deliveries, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select

from fairmind_sync.database import upsert
from fairmind_sync.errors import KeyReusedError
from fairmind_sync.models import PENDING, bias_test_results, idempotency_keys, outbox
from fairmind_sync.settings import ProviderName
from fairmind_sync.verdict import Verdict

KEYS_LIVE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NewResult:
    """A result that is about to be saved; `results` and `metadata` are JSON text.

    `created_at` is set where the result is older than its save: it was imported.
    """

    test_id: str
    user_id: str
    model_id: str
    dataset_id: str
    test_type: str
    results: str
    metadata: str
    digest: str
    verdict: Verdict
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a result is; `is_new` is false where the same content was there already."""

    result_id: int
    revision: int
    is_new: bool


def save(
    connection: Connection, new: NewResult, providers: Iterable[ProviderName], now: datetime
) -> Saved:
    """Inserts the result, unless the same content is there, and the deliveries that it lacks."""
    saved = _find(connection, new) or _insert(connection, new, now)
    enqueue(connection, saved.result_id, providers, now)
    return saved


def save_once(
    connection: Connection,
    key: str,
    new: NewResult,
    providers: Iterable[ProviderName],
    now: datetime,
) -> Saved:
    """As `save`, for a request that its client may repeat under this key, within `KEYS_LIVE`.

    Raises:
        KeyReusedError: the key was used for another result; nothing is stored.
    """
    used = connection.execute(
        select(idempotency_keys.c.digest, idempotency_keys.c.result_id).where(
            idempotency_keys.c.key == key
        )
    ).one_or_none()
    if used is None:
        saved = save(connection, new, providers, now)
        connection.execute(
            insert(idempotency_keys).values(
                key=key, digest=new.digest, result_id=saved.result_id, created_at=now
            )
        )
        return saved
    if used.digest != new.digest:
        raise KeyReusedError
    result = connection.execute(
        select(bias_test_results.c.revision, bias_test_results.c.deleted_at).where(
            bias_test_results.c.id == used.result_id
        )
    ).one()
    if result.deleted_at is None:
        enqueue(connection, used.result_id, providers, now)
    return Saved(used.result_id, result.revision, is_new=False)


def forget_keys(connection: Connection, now: datetime) -> None:
    connection.execute(
        delete(idempotency_keys).where(idempotency_keys.c.created_at < now - KEYS_LIVE)
    )


def results_without(
    connection: Connection, provider: ProviderName, since: datetime | None, limit: int
) -> list[int]:
    """The ids of results that have no delivery to the provider, oldest first; deleted ones left out."""
    rows = connection.execute(
        select(bias_test_results.c.id)
        .outerjoin(
            outbox,
            and_(outbox.c.result_id == bias_test_results.c.id, outbox.c.provider == provider),
        )
        .where(
            outbox.c.id.is_(None),
            bias_test_results.c.deleted_at.is_(None),
            *(() if since is None else (bias_test_results.c.created_at >= since,)),
        )
        .order_by(bias_test_results.c.id)
        .limit(limit)
    )
    return [row.id for row in rows]


def enqueue(
    connection: Connection, result_id: int, providers: Iterable[ProviderName], now: datetime
) -> None:
    """Inserts the deliveries that the result doesn't have yet."""
    rows = [
        {
            "result_id": result_id,
            "provider": provider,
            "delivery_key": uuid4().hex,
            "status": PENDING,
            "attempts": 0,
            "due_at": now,
            "created_at": now,
        }
        for provider in providers
    ]
    if rows:
        connection.execute(upsert(outbox).on_conflict_do_nothing(), rows)


def _find(connection: Connection, new: NewResult) -> Saved | None:
    row = connection.execute(
        select(bias_test_results.c.id, bias_test_results.c.revision).where(
            bias_test_results.c.user_id == new.user_id,
            bias_test_results.c.test_id == new.test_id,
            bias_test_results.c.digest == new.digest,
        )
    ).one_or_none()
    return Saved(row.id, row.revision, is_new=False) if row else None


def _insert(connection: Connection, new: NewResult, now: datetime) -> Saved:
    last_revision = (
        select(func.coalesce(func.max(bias_test_results.c.revision), 0))
        .where(
            bias_test_results.c.user_id == bindparam("of_user"),
            bias_test_results.c.test_id == bindparam("of_test"),
        )
        .scalar_subquery()
    )
    row = connection.execute(
        insert(bias_test_results)
        .values(
            test_id=new.test_id,
            user_id=new.user_id,
            revision=last_revision + 1,
            model_id=new.model_id,
            dataset_id=new.dataset_id,
            test_type=new.test_type,
            results=new.results,
            metadata=new.metadata,
            digest=new.digest,
            created_at=new.created_at or now,
            overall_risk=new.verdict.overall_risk,
            metrics_passed=new.verdict.metrics_passed,
            metrics_failed=new.verdict.metrics_failed,
        )
        .returning(bias_test_results.c.id, bias_test_results.c.revision),
        {"of_user": new.user_id, "of_test": new.test_id},
    ).one()
    return Saved(row.id, row.revision, is_new=True)
