"""Inserts results with a revision number and their deliveries, or
finds that the same content was saved before.

Each function runs inside the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import (
    Connection,
    bindparam,
    func,
    select,
    tuple_,
    update,
)

from fairmind_sync.outbox import owed_evidence
from fairmind_sync.outbox.enqueuing import MOST_IDS, enqueue
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import Identity, NewResult
from fairmind_sync.storage.advisory_locks import advisory_lock
from fairmind_sync.storage.statements import upsert
from fairmind_sync.storage.tables import results_table

_STEP, _WITHIN = timedelta(milliseconds=1), timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a result was saved; `is_new` is false where the same content was saved before."""

    result_id: int
    revision: int
    is_new: bool


def save(
    connection: Connection, new: NewResult, providers: Iterable[ProviderName], now: datetime
) -> Saved:
    """Inserts the result, unless its content was saved before, and the deliveries that the result lacks."""
    return save_all(connection, [new], providers, now)[0]


def save_all(
    connection: Connection,
    new_results: Sequence[NewResult],
    providers: Iterable[ProviderName],
    now: datetime,
) -> list[Saved]:
    """Saves many results at once, each as `save` does; returns one `Saved` for each, in the given order.

    Their times differ by a millisecond, or less where they would fill more than a second: runs are sorted by
    their start.
    """
    owed = tuple(providers)
    saved: dict[int, Saved] = {}
    if len(new_results) > 1:
        new_results = [*_one_after_the_other(new_results, now)]
        advisory_lock(
            connection, "save many"
        )  # two transactions, with the same tests in other orders, could deadlock
    for places in _waves(new_results):
        wave = [new_results[place] for place in places]
        done = _insert_or_find(connection, wave, now)
        enqueue(connection, [one.result_id for one in done], owed, now)
        saved.update(zip(places, done, strict=True))
    return [saved[place] for place in range(len(new_results))]


def save_revision(connection: Connection, new: NewResult, revision: int, now: datetime) -> Saved:
    """Saves a result of another database, with the revision's number that it has there if that is free here.

    The result has no delivery then.
    """
    row = connection.execute(_INSERT_AS, _row(new, now) | {"revision": revision}).one_or_none()
    if row is None:
        return save(connection, new, (), now)
    return Saved(row.id, row.revision, is_new=True)


def _one_after_the_other(new_results: Sequence[NewResult], now: datetime) -> Iterator[NewResult]:
    """Yields the results, those that have no time of their own with times in the given order."""
    step = min(_STEP, _WITHIN / len(new_results))
    for place, new in enumerate(new_results):
        yield new if new.created_at else replace(new, created_at=now + place * step)


def _waves(new_results: Sequence[NewResult]) -> Iterator[list[int]]:
    """Yields the places of results that one statement can insert: no two of the same test.

    A statement counts the revision of each result from the rows that earlier statements inserted.
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
        yield from (wave[first : first + MOST_IDS] for first in range(0, len(wave), MOST_IDS))


def _insert_or_find(
    connection: Connection, wave: Sequence[NewResult], now: datetime
) -> list[Saved]:
    """Inserts each result or finds it; tries again where another transaction took the revision's number."""
    saved: dict[Identity, Saved] = {}
    left = wave
    while left:
        rows = connection.execute(_INSERT, [_row(new, now) for new in left])
        saved |= {row[2:]: Saved(row.id, row.revision, is_new=True) for row in rows}
        if left := [new for new in left if new.identity not in saved]:
            saved |= _find(connection, left, now)
            left = [new for new in left if new.identity not in saved]
    return [saved[new.identity] for new in wave]


def _find(
    connection: Connection, wave: Sequence[NewResult], now: datetime
) -> dict[Identity, Saved]:
    """Finds results that were saved before; a result whose payload was pruned gets its payload back.

    Evidence that was given up for want of the payload is tried again.

    The rows are locked as `payload_locks` says: nobody prunes or deletes a result that was just found.
    """
    rows = connection.execute(_FIND, {"identities": [new.identity for new in wave]}).all()
    pruned = {(row.user_id, row.test_id, row.digest): row.id for row in rows if row.erased_at}
    for new in wave:
        if new.identity in pruned:
            connection.execute(
                update(results_table)
                .where(results_table.c.id == pruned[new.identity])
                .values(results=new.results, metadata=new.metadata, erased_at=None)
            )
    if pruned:
        owed_evidence.try_again_of(connection, [*pruned.values()], now)
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
        "has_passed": new.verdict.has_passed,
        "removed": new.removed,
        "of_user": new.user_id,
        "of_test": new.test_id,
    }


_LAST_REVISION = (
    select(func.coalesce(func.max(results_table.c.revision), 0))
    .where(
        results_table.c.user_id == bindparam("of_user"),
        results_table.c.test_id == bindparam("of_test"),
    )
    .scalar_subquery()
)
_SAVED = (
    results_table.c.id,
    results_table.c.revision,
    results_table.c.user_id,
    results_table.c.test_id,
    results_table.c.digest,
)
_INSERT = (
    upsert(results_table)
    .values(revision=_LAST_REVISION + 1)
    .on_conflict_do_nothing()
    .returning(*_SAVED)
)
_INSERT_AS = (
    upsert(results_table)
    .values(revision=bindparam("revision"))
    .on_conflict_do_nothing()
    .returning(*_SAVED)
)
_FIND = (
    select(*_SAVED, results_table.c.erased_at)
    .where(tuple_(*_SAVED[2:]).in_(bindparam("identities", expanding=True)))
    .order_by(results_table.c.id)
    .with_for_update(read=True, key_share=True)
)
