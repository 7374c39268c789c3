"""Saves a result together with its deliveries, inside the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

from sqlalchemy import (
    Connection,
    Insert,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
    update,
)

from fairmind_sync.database import random_key, take_turn, upsert
from fairmind_sync.errors import KeyReusedError
from fairmind_sync.models import PENDING, bias_test_results, idempotency_keys, outbox
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.verdict import Verdict

KEYS_LIVE = timedelta(days=1)
_PART = 1_000
"""A statement takes only so many parameters."""

Identity: TypeAlias = tuple[str, str, str]
"""Whose, which test, which content."""


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

    @property
    def identity(self) -> Identity:
        return (self.user_id, self.test_id, self.digest)


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
    return save_all(connection, [new], providers, now)[0]


def save_all(
    connection: Connection,
    new_results: Sequence[NewResult],
    providers: Iterable[ProviderName],
    now: datetime,
) -> list[Saved]:
    """As `save`, for many at once; what is said of each stands in its place."""
    owed = tuple(providers)
    saved: dict[int, Saved] = {}
    if len(new_results) > 1:
        take_turn(connection, "save many")  # two of them could wait for each other's tests for ever
    for places in _waves(new_results):
        wave = [new_results[place] for place in places]
        done = _insert_or_find(connection, wave, now)
        enqueue(connection, [one.result_id for one in done], owed, now)
        saved.update(zip(places, done, strict=True))
    return [saved[place] for place in range(len(new_results))]


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
    take_turn(connection, f"key {key}")
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
        return save(connection, new, providers, now)
    return Saved(used.result_id, result.revision, is_new=False)


def forget_keys(connection: Connection, now: datetime) -> None:
    connection.execute(
        delete(idempotency_keys).where(idempotency_keys.c.created_at < now - KEYS_LIVE)
    )


def results_without(
    connection: Connection, provider: ProviderName, since: datetime | None, limit: int
) -> list[int]:
    """The ids of results that have no delivery to the provider, oldest first; whose payload is there."""
    rows = connection.execute(
        select(bias_test_results.c.id)
        .outerjoin(
            outbox,
            and_(outbox.c.result_id == bias_test_results.c.id, outbox.c.provider == provider),
        )
        .where(
            outbox.c.id.is_(None),
            bias_test_results.c.deleted_at.is_(None),
            bias_test_results.c.erased_at.is_(None),
            *(() if since is None else (bias_test_results.c.created_at >= since,)),
        )
        .order_by(bias_test_results.c.id)
        .limit(limit)
    )
    return [row.id for row in rows]


def enqueue(
    connection: Connection,
    result_ids: Sequence[int],
    providers: Iterable[ProviderName],
    now: datetime,
) -> None:
    """Inserts the deliveries that the results don't have yet."""
    owed = tuple(providers)
    if not owed:
        return
    if (
        len(result_ids) == 1
    ):  # the most frequent save; a list of ids costs as much again as all else of it
        connection.execute(_enqueue(owed, one=True), {"of_result": result_ids[0], "now": now})
        return
    for first in range(0, len(result_ids), _PART):
        part = result_ids[first : first + _PART]
        connection.execute(_enqueue(owed, one=False), {"of_results": part, "now": now})


@lru_cache
def _enqueue(providers: tuple[ProviderName, ...], *, one: bool) -> Insert:
    """In one statement, whose rows the database makes: a delivery for each result and provider."""
    result_id = bias_test_results.c.id
    owed = union_all(
        *(
            select(literal_column(f"'{name}'").label("provider"), literal_column(f"{n}").label("n"))
            for n, name in enumerate(providers)
        )
    ).subquery("owed")
    now = bindparam("now", type_=outbox.c.due_at.type)
    rows = {
        outbox.c.result_id: result_id,
        outbox.c.provider: owed.c.provider,
        outbox.c.delivery_key: random_key(),
        outbox.c.status: literal_column(f"'{PENDING}'"),
        outbox.c.attempts: literal_column("0"),
        outbox.c.due_at: now,
        outbox.c.created_at: now,
    }
    wanted = (
        result_id == bindparam("of_result")
        if one
        else result_id.in_(bindparam("of_results", expanding=True))
    )
    selected = select(*rows.values()).join_from(bias_test_results, owed, true()).where(wanted)
    return (
        upsert(outbox)
        .from_select([*rows], selected.order_by(result_id, owed.c.n))
        .on_conflict_do_nothing(index_elements=["result_id", "provider"])
    )


def _waves(new_results: Sequence[NewResult]) -> Iterator[list[int]]:
    """The places of results that one statement can insert: no two of them are of the same test.

    The revision of each is counted from those that were inserted before.
    """
    waves: list[list[int]] = []
    earlier: Counter[tuple[str, str]] = Counter()
    for place, new in enumerate(new_results):
        test = (new.user_id, new.test_id)
        if earlier[test] == len(waves):
            waves.append([])
        waves[earlier[test]].append(place)
        earlier[test] += 1
    for wave in waves:
        yield from (wave[first : first + _PART] for first in range(0, len(wave), _PART))


def _insert_or_find(
    connection: Connection, wave: Sequence[NewResult], now: datetime
) -> list[Saved]:
    """What was neither inserted nor found lost its revision's number to another transaction: once more."""
    saved: dict[Identity, Saved] = {}
    left = wave
    while left:
        rows = connection.execute(_INSERT, [_row(new, now) for new in left])
        saved |= {row[2:]: Saved(row.id, row.revision, is_new=True) for row in rows}
        if left := [new for new in left if new.identity not in saved]:
            saved |= _find(connection, left)
            left = [new for new in left if new.identity not in saved]
    return [saved[new.identity] for new in wave]


def _find(connection: Connection, wave: Sequence[NewResult]) -> dict[Identity, Saved]:
    """What was there already. One whose payload was pruned gets it back."""
    rows = connection.execute(_FIND, {"identities": [new.identity for new in wave]}).all()
    pruned = {(row.user_id, row.test_id, row.digest): row.id for row in rows if row.erased_at}
    for new in wave:
        if new.identity in pruned:
            connection.execute(
                update(bias_test_results)
                .where(bias_test_results.c.id == pruned[new.identity])
                .values(results=new.results, metadata=new.metadata, erased_at=None)
            )
    return {row[2:5]: Saved(row.id, row.revision, is_new=False) for row in rows}


def _row(new: NewResult, now: datetime) -> dict[str, object]:
    return {
        "test_id": new.test_id,
        "user_id": new.user_id,
        "model_id": new.model_id,
        "dataset_id": new.dataset_id,
        "test_type": new.test_type,
        "results": new.results,
        "metadata": new.metadata,
        "digest": new.digest,
        "created_at": new.created_at or now,
        "overall_risk": new.verdict.overall_risk,
        "metrics_passed": new.verdict.metrics_passed,
        "metrics_failed": new.verdict.metrics_failed,
        "of_user": new.user_id,
        "of_test": new.test_id,
    }


_LAST_REVISION = (
    select(func.coalesce(func.max(bias_test_results.c.revision), 0))
    .where(
        bias_test_results.c.user_id == bindparam("of_user"),
        bias_test_results.c.test_id == bindparam("of_test"),
    )
    .scalar_subquery()
)
_SAVED = (
    bias_test_results.c.id,
    bias_test_results.c.revision,
    bias_test_results.c.user_id,
    bias_test_results.c.test_id,
    bias_test_results.c.digest,
)
_INSERT = (
    upsert(bias_test_results)
    .values(revision=_LAST_REVISION + 1)
    .on_conflict_do_nothing()
    .returning(*_SAVED)
)
_FIND = select(*_SAVED, bias_test_results.c.erased_at).where(
    tuple_(*_SAVED[2:]).in_(bindparam("identities", expanding=True))
)
