"""Erases payloads and attempts of old results after the
retention: how often, which ones, in short transactions.

What a run is looked up by stays: the result's names, verdict and time, its deliveries, run ids and URLs; and
so do attempts that need a sweep yet, without what was said in them. A result with a pending or dead delivery
keeps its payload, and so does a result without any delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, or_, select, tuple_, update

from fairmind_sync.outbox import unclean_attempts
from fairmind_sync.outbox.erased_words import erase_words
from fairmind_sync.outbox.payload_locks import lock_payloads
from fairmind_sync.results.states import DELIVERED, DISCARDED
from fairmind_sync.storage import erasure, sqlite_file
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.erasure import note_erasure
from fairmind_sync.storage.tables import attempts_table, outbox_table, results_table

if TYPE_CHECKING:
    from sqlalchemy import Engine

_AT_ONCE = 200
"""Results in one transaction, so that nobody waits for long."""
_LONGEST_INTERVAL = timedelta(hours=1)
_SHORTEST_INTERVAL = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a pass has come: all results up to this one were looked at."""

    created_at: datetime
    result_id: int


_START = Place(datetime.min.replace(tzinfo=UTC), 0)


def interval(retention: timedelta) -> timedelta:
    """Returns how often to prune: often enough that no payload stays a tenth longer than the retention."""
    return min(_LONGEST_INTERVAL, max(_SHORTEST_INTERVAL, retention / 10))


def prune_all(
    engine: Engine,
    retention: timedelta,
    now: datetime,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Prunes once, in many short transactions, and gives space back; returns how many results were pruned.

    Raises:
        StorageError: the database can't be written; what was pruned before stays pruned.
    """
    count, place = 0, _START
    while not should_stop():
        with reading(engine) as connection:
            ids, place = prunable(connection, retention, now, place)
        if not ids:
            break
        with writing(engine) as connection:
            count += prune(connection, ids, retention, now)
    sqlite_file.give_space_back(engine, should_stop)
    erasure.empty_log(engine)
    return count


def prunable(
    connection: Connection,
    retention: timedelta,
    now: datetime,
    after: Place = _START,
    limit: int = _AT_ONCE,
) -> tuple[list[int], Place]:
    """Returns the next prunable results after the place, oldest first, and the place of the last."""
    of = results_table.c
    rows = connection.execute(
        select(of.id, of.created_at)
        .where(
            _is_prunable(retention, now),
            of.created_at < now - retention,
            tuple_(of.created_at, of.id) > tuple_(after.created_at, after.result_id),
        )
        .order_by(of.created_at, of.id)
        .limit(limit)
    ).all()
    return [row.id for row in rows], Place(rows[-1].created_at, rows[-1].id) if rows else after


def prune(
    connection: Connection, result_ids: Sequence[int], retention: timedelta, now: datetime
) -> int:
    """Erases payload and attempts of those results that can still be pruned; returns how many."""
    lock_payloads(connection, result_ids)
    pruned = connection.execute(
        update(results_table)
        .where(results_table.c.id.in_(result_ids), _is_prunable(retention, now))
        .values(results="{}", metadata="{}", erased_at=now)
        .returning(results_table.c.id)
    )
    ids = [row.id for row in pruned]
    if ids:
        erase_words(connection, select(results_table.c.id).where(results_table.c.id.in_(ids)))
        note_erasure(connection)
    deliveries = select(outbox_table.c.id).where(outbox_table.c.result_id.in_(ids))
    connection.execute(
        delete(attempts_table).where(
            attempts_table.c.delivery_id.in_(deliveries), ~unclean_attempts.needs_sweep()
        )
    )
    return len(ids)


def _is_prunable(retention: timedelta, now: datetime) -> ColumnElement[bool]:
    """Returns the condition for pruning: each delivery ended before the retention, and none is suspect."""
    own = outbox_table.c.result_id == results_table.c.id
    still_needed = or_(
        outbox_table.c.status.not_in((DELIVERED, DISCARDED)),
        outbox_table.c.finished_at >= now - retention,
    )
    suspect = and_(
        attempts_table.c.delivery_id == outbox_table.c.id, unclean_attempts.is_recent(now)
    )
    return and_(
        results_table.c.deleted_at.is_(None),
        results_table.c.erased_at.is_(None),
        exists().where(own),
        ~exists().where(own, still_needed),
        ~exists().where(own, suspect),
    )
