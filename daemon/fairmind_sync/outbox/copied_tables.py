"""What `db copy` knows of each table: what tells one row from
another, what only grows, and which rows a database loses by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Column, Connection, RowMapping, Table, select, tuple_

from fairmind_sync.provider_names import UNDECIDED
from fairmind_sync.storage.tables import (
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

AT_ONCE = 500
"""Rows in one transaction."""

Key: TypeAlias = tuple[Any, ...]
Progress: TypeAlias = Callable[[RowMapping], tuple[Any, ...]]
MayLack: TypeAlias = Callable[[Connection, Sequence[RowMapping]], bool]


def _never(_connection: Connection, _rows: Sequence[RowMapping]) -> bool:
    return False


def _always(_connection: Connection, _rows: Sequence[RowMapping]) -> bool:
    return True


def _are_undecided(_connection: Connection, rows: Sequence[RowMapping]) -> bool:
    return all(row["provider"] == UNDECIDED for row in rows)


def _are_pruned(connection: Connection, rows: Sequence[RowMapping]) -> bool:
    """Returns whether the payloads that the attempts were about are erased in that database."""
    ids = {row["delivery_id"] for row in rows}
    erased = (
        select(outbox_table.c.id)
        .join_from(outbox_table, results_table)
        .where(outbox_table.c.id.in_(ids), results_table.c.erased_at.is_not(None))
    )
    return {*connection.execute(erased).scalars()} == ids


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """How one table is copied; in the columns `same`, rows with one primary key must agree.

    `progress` grows as work on a row goes on: if both databases were used, the row with more progress stays.
    The columns `grows` never fall. `may_lack` says whether a database can have lost such rows by itself. Rows
    that differ in the columns `passed_on` are made anew, as another row may have their values now. In a used
    target, rows are found by the column `named_by`: both databases may have given one id away.
    """

    table: Table
    same: tuple[str, ...]
    progress: Progress = lambda _row: ()
    grows: tuple[str, ...] = ()
    may_lack: MayLack = _never
    passed_on: tuple[str, ...] = ()
    named_by: str | None = None

    def key(self, row: RowMapping) -> Key:
        return tuple(row[column.name] for column in self.table.primary_key)

    def is_same(self, one: RowMapping, other: RowMapping) -> bool:
        return all(one[name] == other[name] for name in self.same)

    def content(self, row: RowMapping) -> dict[str, Any]:
        """Returns the row's values, without an id that another database may have given to another row."""
        return {name: row[name] for name in row if not (self.named_by and name == "id")}

    @property
    def looked_at(self) -> tuple[Column[Any], ...]:
        """The columns that are compared: without payloads."""
        names = {*self.same, *self.grows, *self.passed_on, "provider", "delivery_id"}
        return tuple(one for one in self.table.c if one.primary_key or one.name in names)

    def parts(
        self, connection: Connection, columns: Sequence[Column[Any]], at_once: int = AT_ONCE
    ) -> Iterator[Sequence[RowMapping]]:
        """Yields the table's rows in parts, in the order of their keys."""
        key = tuple(self.table.primary_key)
        ordered = select(*columns).order_by(*key).limit(at_once)
        wanted = ordered
        while rows := connection.execute(wanted).mappings().all():
            yield rows
            wanted = ordered.where(tuple_(*key) > self.key(rows[-1]))

    def found(
        self, connection: Connection, rows: Sequence[RowMapping], columns: Sequence[Column[Any]]
    ) -> dict[Key, RowMapping]:
        """Returns, by key, the rows of this database that have the keys of those."""
        keys = [self.key(row) for row in rows]
        wanted = select(*columns).where(tuple_(*self.table.primary_key).in_(keys))
        return {self.key(row): row for row in connection.execute(wanted).mappings()}


_CONTENT_OF_ACTION = tuple(one.name for one in operator_actions_table.c if one.name != "id")
RESULTS = CopiedTable(
    results_table,
    ("user_id", "test_id", "revision"),
    lambda row: (row["deleted_at"] is not None, row["erased_at"] is not None),
    grows=("deleted_at",),
)
ATTEMPTS = CopiedTable(
    attempts_table,
    ("lease_token",),
    lambda row: (row["outcome"] is not None,),
    may_lack=_are_pruned,
)
ALL_COPIED = (
    RESULTS,
    CopiedTable(
        outbox_table,
        ("delivery_key",),
        lambda row: (
            row["create_attempted_at"] is not None,
            row["run_id"] is not None,
            row["attempts"],
        ),
        may_lack=_are_undecided,
    ),
    ATTEMPTS,
    CopiedTable(
        idempotency_table,
        (),
        lambda row: (row["created_at"],),
        may_lack=_always,
        passed_on=("result_id",),
    ),
    CopiedTable(provider_table, (), may_lack=_always),
    CopiedTable(provider_samples_table, (), may_lack=_always),
    CopiedTable(attempt_counts_table, (), lambda row: (row["count"],), grows=("count",)),
    CopiedTable(latency_counts_table, (), lambda row: (row["count"],)),
    CopiedTable(operator_actions_table, _CONTENT_OF_ACTION, named_by="at"),
    CopiedTable(
        webhook_events_table,
        ("event_key",),
        lambda row: (row["due_at"] is None, row["attempts"]),
        may_lack=_always,
        named_by="event_key",
    ),
    CopiedTable(own_site_table, ("public_keys",), lambda row: (row["last_sequence"],)),
    CopiedTable(trusted_sites_table, ("public_keys",), may_lack=_always, passed_on=("name",)),
    CopiedTable(bundles_table, ("bundle_key", "direction"), named_by="bundle_key"),
    CopiedTable(
        hand_overs_table,
        (),
        lambda row: (row["epoch"], row["taken_back_at"] is not None, row["heard_sequence"]),
        grows=("epoch",),
    ),
    CopiedTable(arrivals_table, ("delivery_id",), lambda row: (row["epoch"],), grows=("epoch",)),
)
"""Tables, each after those that it refers to.

Not what daemons make anew: heartbeats and the counts of triggers.
"""
