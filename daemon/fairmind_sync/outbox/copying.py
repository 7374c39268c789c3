"""Copies all rows of a database into another one, SQLite or PostgreSQL (`db copy`), and can be repeated;
refuses while anybody works on either.

A copy shows one moment of the source. An interrupted copy goes on where it was interrupted. A target that
nobody used follows its source: what the source has lost goes there, too. A target that was used meanwhile
gets only what is news to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, func, make_url, select, tuple_

from fairmind_sync.errors import CopyError
from fairmind_sync.outbox import copy_use, heartbeat
from fairmind_sync.outbox.claims import count_leased
from fairmind_sync.outbox.copied_tables import ALL_COPIED, AT_ONCE, ATTEMPTS, RESULTS
from fairmind_sync.outbox.copy_rows import CopyReport, follow, merge
from fairmind_sync.outbox.copy_use import Stale
from fairmind_sync.outbox.erased_words import erase_words
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import current_time, reading, shared_engine, writing
from fairmind_sync.storage.erasure import empty_log, note_erasure
from fairmind_sync.storage.statements import continue_ids
from fairmind_sync.storage.tables import ALIVE_FOR, results_table
from fairmind_sync.storage.url import shown

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine import URL


def copy(
    source_url: str, target_url: str, on_progress: Callable[[int], None] = lambda _read: None
) -> CopyReport:
    """Copies the source into the target, while nobody uses either; `on_progress` gets the rows read so far.

    Raises:
        CopyError: both URLs name one database, the source doesn't exist, somebody delivers from either
            database or saves into the source, or the target holds other results.
        SchemaError: a database's schema is not today's.
        StorageError: a database can't be used; what was copied so far stays.
    """
    _require_two(make_url(source_url), make_url(target_url))
    return copy_between(shared_engine(source_url), shared_engine(target_url), on_progress)


def copy_between(
    source: Engine, target: Engine, on_progress: Callable[[int], None] = lambda _read: None
) -> CopyReport:
    """Does as `copy`, with two engines at hand."""
    for engine in (source, target):
        schema.create_if_missing(engine)
        _require_rest(engine)
    with reading(source) as moment:
        report = _copy_all(moment, target, on_progress)
        newest = _newest_ids(moment)
    _require_rest(source)
    _require_unchanged(source, newest)
    return report


def _copy_all(moment: Connection, target: Engine, on_progress: Callable[[int], None]) -> CopyReport:
    with reading(target) as connection:
        stale = copy_use.stale(moment, connection, ALL_COPIED)
    take_over = merge if stale is None else follow
    _forget(target, stale or [])
    report = CopyReport()
    for copied in ALL_COPIED:
        for rows in copied.parts(moment, tuple(copied.table.c), AT_ONCE):
            with writing(target) as connection:
                report += take_over(moment, connection, copied, rows)
            on_progress(report.read)
        with writing(target) as connection:
            continue_ids(connection, copied.table)
    if stale is None:
        _erase_words(target)
    empty_log(target)
    return report


def _forget(target: Engine, stale: Sequence[Stale]) -> None:
    """Deletes what the source has lost, before others take its ids and names."""
    for one in stale:
        table = one.copied.table
        for first in range(0, len(one.keys), AT_ONCE):
            some = tuple_(*table.primary_key).in_(one.keys[first : first + AT_ONCE])
            with writing(target) as connection:
                connection.execute(delete(table).where(some))
                note_erasure(connection)


def _erase_words(target: Engine) -> None:
    """Erases what was said of results that are erased in the target, and not in its source."""
    erased = select(results_table.c.id).where(results_table.c.erased_at.is_not(None))
    with writing(target) as connection:
        erase_words(connection, erased)
        note_erasure(connection)


def _require_two(source: URL, target: URL) -> None:
    if source == target:
        raise CopyError("source and target are the same database.")
    if source.get_backend_name() == "sqlite" and not Path(str(source.database)).is_file():
        raise CopyError(f"there is no database {source.database} to copy.")


def _require_rest(engine: Engine) -> None:
    name, now = shown(engine.url), current_time(engine)
    with reading(engine) as connection:
        if heartbeat.any_alive(connection, now):
            raise CopyError(
                f"a daemon works on {name}. Stop it, wait "
                f"{ALIVE_FOR.total_seconds():.0f} s if it was killed, and copy again."
            )
        if any(count_leased(connection, one, now) for one in PROVIDERS):
            raise CopyError(
                f"deliveries of {name} are under way. Let `fairmind-sync drain` end, wait a minute if it "
                "was killed, and copy again."
            )


def _newest_ids(connection: Connection) -> list[int | None]:
    ids = (copied.table.c.id for copied in (RESULTS, ATTEMPTS))
    return [connection.execute(select(func.max(id_))).scalar() for id_ in ids]


def _require_unchanged(source: Engine, newest: list[int | None]) -> None:
    with reading(source) as connection:
        if _newest_ids(connection) != newest:
            raise CopyError(
                f"{shown(source.url)} was used meanwhile. What it held before is copied; stop "
                "whoever saves and delivers there, and copy again for the rest."
            )
