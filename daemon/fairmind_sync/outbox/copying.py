"""Copies all rows of a database into another one, SQLite or PostgreSQL (`db copy`), and can be repeated;
refuses while anybody works on either.

A copy shows one moment of the source. An interrupted copy goes on where it was interrupted, and a repeated
copy adds what the source has done since. In a target that was used meanwhile, a row on which the target has
made more progress than the source stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection, RowMapping, Table, func, insert, make_url, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from fairmind_sync.errors import CopyError
from fairmind_sync.outbox import heartbeat
from fairmind_sync.outbox.claims import count_leased
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.results.states import HANDED_OVER, PENDING
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import current_time, reading, shared_engine, writing
from fairmind_sync.storage.statements import continue_ids
from fairmind_sync.storage.tables import (
    ALIVE_FOR,
    arrivals_table,
    attempt_counts_table,
    attempts_table,
    bundles_table,
    hand_overs_table,
    idempotency_table,
    latency_counts_table,
    operator_actions_table,
    outbox_table,
    own_site_table,
    provider_samples_table,
    provider_table,
    results_table,
    trusted_sites_table,
    webhook_events_table,
)
from fairmind_sync.storage.url import shown

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

_AT_ONCE = 500
"""Rows in one transaction."""

Key: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CopyReport:
    """How many rows were read, and how many of these rows were added or updated in the target.

    `ahead` counts rows that differ and stayed as they are, because the target was used meanwhile.
    """

    read: int = 0
    added: int = 0
    updated: int = 0
    ahead: int = 0

    def __add__(self, other: CopyReport) -> CopyReport:
        return CopyReport(
            self.read + other.read,
            self.added + other.added,
            self.updated + other.updated,
            self.ahead + other.ahead,
        )


@dataclass(frozen=True, slots=True)
class _Copied:
    """How one table is copied; in the columns `same`, rows with one primary key must agree.

    `progress` grows as work on a row goes on: if both databases were used, the row with more progress stays.
    """

    table: Table
    same: tuple[str, ...]
    progress: Callable[[RowMapping], tuple[Any, ...]]

    def key(self, row: RowMapping) -> Key:
        return tuple(row[column.name] for column in self.table.primary_key)

    def is_same(self, one: RowMapping, other: RowMapping) -> bool:
        return all(one[name] == other[name] for name in self.same)


_OVER = 2
"""Stands for each status that ends a delivery, after those that don't."""
_RESULTS = _Copied(
    results_table,
    ("user_id", "test_id", "revision"),
    lambda row: (row["deleted_at"] is not None, row["erased_at"] is not None),
)
_ATTEMPTS = _Copied(attempts_table, ("lease_token",), lambda row: (row["outcome"] is not None,))
_COPIED = (
    _RESULTS,
    _Copied(
        outbox_table,
        ("delivery_key",),
        lambda row: (
            (PENDING, HANDED_OVER).index(row["status"]) if row["finished_at"] is None else _OVER,
            row["attempts"],
            row["create_attempted_at"] is not None,
            row["run_id"] is not None,
        ),
    ),
    _ATTEMPTS,
    _Copied(idempotency_table, ("result_id",), lambda _row: ()),
    _Copied(provider_table, (), lambda _row: ()),
    _Copied(provider_samples_table, (), lambda _row: ()),
    _Copied(attempt_counts_table, (), lambda row: (row["count"],)),
    _Copied(latency_counts_table, (), lambda row: (row["count"],)),
    _Copied(operator_actions_table, (), lambda _row: ()),
    _Copied(
        webhook_events_table,
        ("event_key",),
        lambda row: (row["due_at"] is None, row["attempts"]),
    ),
    _Copied(own_site_table, ("public_keys",), lambda row: (row["last_sequence"],)),
    _Copied(trusted_sites_table, ("public_keys",), lambda _row: ()),
    _Copied(bundles_table, ("bundle_key", "direction"), lambda _row: ()),
    _Copied(
        hand_overs_table,
        (),
        lambda row: (row["epoch"], row["taken_back_at"] is not None, row["heard_sequence"]),
    ),
    _Copied(arrivals_table, ("delivery_id",), lambda row: (row["epoch"],)),
)
"""Tables, each after those that it refers to.

Not what daemons make anew: heartbeats and the counts of triggers.
"""


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
    report = CopyReport()
    was_used = _was_used(moment, target)
    for copied in _COPIED:
        for rows in _parts(moment, copied):
            with writing(target) as connection:
                report += _take_over(connection, copied, rows, was_used=was_used)
            on_progress(report.read)
        with writing(target) as connection:
            continue_ids(connection, copied.table)
    return report


def _was_used(moment: Connection, target: Engine) -> bool:
    """Returns whether somebody saved or delivered in the target: its newest rows aren't the source's."""
    with reading(target) as connection:
        for copied in (_RESULTS, _ATTEMPTS):
            last = select(copied.table).order_by(copied.table.c.id.desc()).limit(1)
            for row in connection.execute(last).mappings():
                there = _found(moment, copied, [copied.key(row)]).values()
                if not any(copied.is_same(row, one) for one in there):
                    return True
    return False


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
    ids = (copied.table.c.id for copied in (_RESULTS, _ATTEMPTS))
    return [connection.execute(select(func.max(id_))).scalar() for id_ in ids]


def _require_unchanged(source: Engine, newest: list[int | None]) -> None:
    with reading(source) as connection:
        if _newest_ids(connection) != newest:
            raise CopyError(
                f"{shown(source.url)} was used meanwhile. What it held before is copied; stop "
                "whoever saves and delivers there, and copy again for the rest."
            )


def _parts(moment: Connection, copied: _Copied) -> Iterator[Sequence[RowMapping]]:
    columns = tuple(copied.table.primary_key)
    ordered = select(copied.table).order_by(*columns).limit(_AT_ONCE)
    wanted = ordered
    while rows := moment.execute(wanted).mappings().all():
        yield rows
        wanted = ordered.where(tuple_(*columns) > copied.key(rows[-1]))


def _take_over(
    connection: Connection, copied: _Copied, rows: Sequence[RowMapping], *, was_used: bool
) -> CopyReport:
    there = _found(connection, copied, [copied.key(row) for row in rows])
    new, newer, ahead = [], [], 0
    for row in rows:
        own = there.get(copied.key(row))
        if own is None:
            new.append(row)
        elif not copied.is_same(row, own):
            raise _other_results(connection)
        elif (not was_used and row != own) or copied.progress(row) > copied.progress(own):
            newer.append(row)
        else:
            ahead += row != own
    try:
        if new:
            connection.execute(insert(copied.table), [dict(row) for row in new])
    except IntegrityError as error:
        raise _other_results(connection) from error
    for row in newer:
        connection.execute(_same_row(copied, row).values(dict(row)))
    return CopyReport(len(rows), len(new), len(newer), ahead)


def _found(connection: Connection, copied: _Copied, keys: Sequence[Key]) -> dict[Key, RowMapping]:
    wanted = select(copied.table).where(tuple_(*copied.table.primary_key).in_(keys))
    return {copied.key(row): row for row in connection.execute(wanted).mappings()}


def _same_row(copied: _Copied, row: RowMapping) -> Any:
    key = zip(copied.table.primary_key, copied.key(row), strict=True)
    return update(copied.table).where(*(column == value for column, value in key))


def _other_results(connection: Connection) -> CopyError:
    return CopyError(
        f"{shown(connection.engine.url)} holds other results than the source. Copy into an empty "
        "database, or into one that an earlier copy of the same source has made."
    )
