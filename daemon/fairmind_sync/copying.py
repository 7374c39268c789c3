"""Copies a database into another one, of the same kind or of the other: every id, status, run and attempt.

What is in the target already stays, unless the source has come further with it. So a copy that was
interrupted goes on where it was, and one that is repeated changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection, RowMapping, Table, insert, make_url, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from fairmind_sync import database, heartbeat, schema
from fairmind_sync.database import reading, shared_engine, writing
from fairmind_sync.errors import CopyError
from fairmind_sync.models import (
    PENDING,
    attempt_counts,
    bias_test_results,
    delivery_attempts,
    idempotency_keys,
    latency_counts,
    outbox,
    provider_state,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

_AT_ONCE = 500
"""Rows in one transaction."""

Key: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """How many rows were read, and what became of them in the target.

    `ahead` counts those that stayed because the target has come further with them.
    """

    read: int = 0
    added: int = 0
    updated: int = 0
    ahead: int = 0

    def __add__(self, other: Report) -> Report:
        return Report(
            self.read + other.read,
            self.added + other.added,
            self.updated + other.updated,
            self.ahead + other.ahead,
        )


@dataclass(frozen=True, slots=True)
class _Copied:
    """A table; `same` are the columns in which rows with one key must agree.

    `progress` grows as work on the row goes on; the row that has more of it is the newer one.
    """

    table: Table
    same: tuple[str, ...]
    progress: Callable[[RowMapping], tuple[Any, ...]]

    def key(self, row: RowMapping) -> Key:
        return tuple(row[column.name] for column in self.table.primary_key)

    def is_same(self, one: RowMapping, other: RowMapping) -> bool:
        return all(one[name] == other[name] for name in self.same)


_COPIED = (
    _Copied(
        bias_test_results,
        ("user_id", "test_id", "revision"),
        lambda row: (row["deleted_at"] is not None, row["erased_at"] is not None),
    ),
    _Copied(
        outbox,
        ("delivery_key",),
        lambda row: (
            row["status"] != PENDING,
            row["attempts"],
            row["create_attempted_at"] is not None,
            row["run_id"] is not None,
        ),
    ),
    _Copied(delivery_attempts, ("lease_token",), lambda row: (row["outcome"] is not None,)),
    _Copied(idempotency_keys, ("digest",), lambda _row: ()),
    _Copied(provider_state, (), lambda _row: ()),
    _Copied(attempt_counts, (), lambda row: (row["count"],)),
    _Copied(latency_counts, (), lambda row: (row["count"],)),
)
"""In the order in which they refer to each other. Heartbeats aren't copied, and triggers make the counts."""


def copy(
    source_url: str, target_url: str, on_progress: Callable[[int], None] = lambda _read: None
) -> Report:
    """Copies what the source holds; both must be at rest meanwhile. `on_progress` gets the rows read so far.

    Raises:
        CopyError: they are the same, the source isn't there, a daemon works on one of them, or the target
            holds other results.
        SchemaError: the source's schema is not today's.
        StorageError: one of them can't be used; what was copied so far stays.
    """
    _require_two(make_url(source_url), make_url(target_url))
    source, target = shared_engine(source_url), shared_engine(target_url)
    for engine in (source, target):
        schema.create_if_missing(engine)
        _require_rest(engine)
    report = Report()
    for copied in _COPIED:
        for rows in _parts(source, copied):
            with writing(target) as connection:
                report += _take_over(connection, copied, rows)
            on_progress(report.read)
        with writing(target) as connection:
            database.continue_ids(connection, copied.table)
    _require_rest(source)
    return report


def _require_two(source: URL, target: URL) -> None:
    if source == target:
        raise CopyError("source and target are the same database.")
    if source.get_backend_name() == "sqlite" and not Path(str(source.database)).is_file():
        raise CopyError(f"there is no database {source.database} to copy.")


def _require_rest(engine: Engine) -> None:
    with reading(engine) as connection:
        if heartbeat.any_alive(connection, database.now(engine)):
            raise CopyError(
                f"a daemon works on {engine.url.render_as_string()}. Stop it, wait "
                f"{heartbeat.ALIVE_FOR.total_seconds():.0f} s if it was killed, and copy again."
            )


def _parts(source: Engine, copied: _Copied) -> Iterator[Sequence[RowMapping]]:
    columns = tuple(copied.table.primary_key)
    ordered = select(copied.table).order_by(*columns).limit(_AT_ONCE)
    wanted = ordered
    while True:
        with reading(source) as connection:
            rows = connection.execute(wanted).mappings().all()
        if not rows:
            return
        yield rows
        wanted = ordered.where(tuple_(*columns) > tuple_(*copied.key(rows[-1])))


def _take_over(connection: Connection, copied: _Copied, rows: Sequence[RowMapping]) -> Report:
    there = _found(connection, copied, [copied.key(row) for row in rows])
    new, newer, ahead = [], [], 0
    for row in rows:
        own = there.get(copied.key(row))
        if own is None:
            new.append(row)
        elif not copied.is_same(row, own):
            raise _other_results(connection)
        elif copied.progress(row) > copied.progress(own):
            newer.append(row)
        else:
            ahead += copied.progress(row) < copied.progress(own)
    try:
        if new:
            connection.execute(insert(copied.table), [dict(row) for row in new])
    except IntegrityError as error:
        raise _other_results(connection) from error
    for row in newer:
        connection.execute(_same_row(copied, row).values(dict(row)))
    return Report(len(rows), len(new), len(newer), ahead)


def _found(connection: Connection, copied: _Copied, keys: Sequence[Key]) -> dict[Key, RowMapping]:
    wanted = select(copied.table).where(tuple_(*copied.table.primary_key).in_(keys))
    return {copied.key(row): row for row in connection.execute(wanted).mappings()}


def _same_row(copied: _Copied, row: RowMapping) -> Any:
    key = zip(copied.table.primary_key, copied.key(row), strict=True)
    return update(copied.table).where(*(column == value for column, value in key))


def _other_results(connection: Connection) -> CopyError:
    return CopyError(
        f"{connection.engine.url.render_as_string()} holds other results than the source. Copy into an empty "
        "database, or into one that an earlier copy of the same source has made."
    )
