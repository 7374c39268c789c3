"""Takes rows over into the target of a copy: all that differs if
nobody used the target, else what is news to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError

from fairmind_sync.errors import CopyError
from fairmind_sync.outbox import copy_news
from fairmind_sync.outbox.copied_tables import CopiedTable, Key
from fairmind_sync.outbox.unclean_attempts import sweep_again
from fairmind_sync.storage.engine import current_time
from fairmind_sync.storage.erasure import note_erasure
from fairmind_sync.storage.statements import continue_ids
from fairmind_sync.storage.tables import attempts_table, outbox_table, results_table
from fairmind_sync.storage.url import shown


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


def follow(
    _moment: Connection, target: Connection, copied: CopiedTable, rows: Sequence[RowMapping]
) -> CopyReport:
    """Has the rows of an unused target be as the source's are."""
    there = copied.found(target, rows, tuple(copied.table.c))
    pairs = [(row, there.get(copied.key(row))) for row in rows]
    new = [dict(row) for row, own in pairs if own is None]
    newer = [(own, dict(row)) for row, own in pairs if own is not None and row != own]
    _write(target, copied, new, newer)
    return CopyReport(len(rows), len(new), len(newer))


def merge(
    moment: Connection, target: Connection, copied: CopiedTable, rows: Sequence[RowMapping]
) -> CopyReport:
    """Adds to a target that was used what is news to it."""
    there = copied.found(target, rows, tuple(copied.table.c))
    known = _named(target, copied, rows) if copied.named_by else [*there.values()]
    pairs, new = [], []
    for row in rows:
        own = _own(copied, row, there, known)
        if own is None:
            new.append(copied.content(row) if copied.key(row) in there else dict(row))
        else:
            pairs.append((row, own))
    if not all(copied.is_same(*pair) for pair in pairs):
        raise _other_results(target)
    newer = copy_news.news(moment, target, copied, pairs)
    _write(target, copied, new, newer)
    _look_after(target, copied, rows, new)
    differing = sum(copied.content(row) != copied.content(own) for row, own in pairs)
    return CopyReport(len(rows), len(new), len(newer), max(0, differing - len(newer)))


def _own(
    copied: CopiedTable,
    row: RowMapping,
    there: dict[Key, RowMapping],
    known: Sequence[RowMapping],
) -> RowMapping | None:
    if copied.named_by:
        return next((one for one in known if copied.is_same(row, one)), None)
    return there.get(copied.key(row))


def _named(
    target: Connection, copied: CopiedTable, rows: Sequence[RowMapping]
) -> Sequence[RowMapping]:
    name = copied.table.c[copied.named_by or "id"]
    wanted = select(copied.table).where(name.in_({row[name.name] for row in rows}))
    return target.execute(wanted).mappings().all()


def _look_after(
    target: Connection,
    copied: CopiedTable,
    rows: Sequence[RowMapping],
    new: Sequence[dict[str, Any]],
) -> None:
    """Discards what waits of deleted results, and has new attempts swept, however long ago they began."""
    if copied.table is results_table:
        copy_news.discard_deleted(target, [row["id"] for row in rows], current_time(target.engine))
    if copied.table is outbox_table:
        of = [row["result_id"] for row in rows]
        copy_news.discard_deleted(target, of, current_time(target.engine))
    if copied.table is attempts_table and new:
        sweep_again(target, [values["delivery_id"] for values in new])


def _write(
    target: Connection,
    copied: CopiedTable,
    new: Sequence[dict[str, Any]],
    newer: Sequence[tuple[RowMapping, dict[str, Any]]],
) -> None:
    """Changes rows before it adds others, which may have the values that those had."""
    try:
        for own, values in newer:
            target.execute(_same_row(copied, own).values(values))
        _insert(target, copied, new)
    except IntegrityError as error:
        raise _other_results(target) from error
    if newer:
        note_erasure(target)


def _insert(target: Connection, copied: CopiedTable, new: Sequence[dict[str, Any]]) -> None:
    """Rows whose id is another row's get the next ids."""
    names = {column.name for column in copied.table.primary_key}
    with_id = [values for values in new if names <= values.keys()]
    without_id = [values for values in new if not names <= values.keys()]
    if with_id:
        target.execute(insert(copied.table), with_id)
    if without_id:
        continue_ids(target, copied.table)
        target.execute(insert(copied.table), without_id)


def _same_row(copied: CopiedTable, row: RowMapping) -> Any:
    key = zip(copied.table.primary_key, copied.key(row), strict=True)
    return update(copied.table).where(*(column == value for column, value in key))


def _other_results(connection: Connection) -> CopyError:
    return CopyError(
        f"{shown(connection.engine.url)} holds other results than the source. Copy into an empty "
        "database, or into one that an earlier copy of the same source has made."
    )
