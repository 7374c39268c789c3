"""Looks up models: names, newest results with their verdicts, what they can be narrowed to; and results at
risk. From columns alone, no payload is parsed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from fairmind_sync.results.verdict import Verdict
from fairmind_sync.storage.tables import results_table

MOST_MODELS = 10_000
"""So many models are looked at, in the order of their names."""
_table = results_table.c
_SHOWN = (
    _table.id,
    _table.test_id,
    _table.user_id,
    _table.revision,
    _table.model_id,
    _table.test_type,
    _table.created_at,
    _table.overall_risk,
    _table.metrics_passed,
    _table.metrics_failed,
    _table.has_passed,
)


@dataclass(frozen=True, slots=True)
class ResultInShort:
    """A saved result without its payload."""

    id: int
    test_id: str
    user_id: str
    revision: int
    model_id: str
    test_type: str
    at: datetime
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ModelInShort:
    """A model's newest results, of all its users, the oldest of them first; `newest` is the last of them."""

    model_id: str
    history: Sequence[ResultInShort]

    @property
    def newest(self) -> ResultInShort:
        return self.history[-1]


@dataclass(frozen=True, slots=True)
class ModelChoices:
    """What a model's results can be narrowed to: the data sets, types and users that its newest ones name."""

    datasets: Sequence[str]
    types: Sequence[str]
    users: Sequence[str]


def choices(connection: Connection, model_id: str, newest: int = 1000) -> ModelChoices:
    """Looks at so many of the model's newest results."""
    columns = (_table.dataset_id, _table.test_type, _table.user_id)
    wanted = (
        select(*columns)
        .where(_table.model_id == model_id, _table.deleted_at.is_(None))
        .order_by(_table.created_at.desc())
        .limit(newest)
    )
    rows = connection.execute(wanted).all()
    return ModelChoices(*(sorted({row[place] for row in rows} - {"", None}) for place in range(3)))


def newest_results(
    connection: Connection, limit: int, model_id: str | None = None
) -> list[ResultInShort]:
    """Returns the newest results by their own time, newest first, of one model or of all; no deleted ones.

    Of all models, pruned results are left out, too: an index has the others in the order of their time.
    """
    is_listed = _table.erased_at.is_(None) if model_id is None else _table.model_id == model_id
    newest_first = (_table.created_at.desc(), _table.id.desc())
    wanted = select(*_SHOWN).where(_table.deleted_at.is_(None), is_listed).order_by(*newest_first)
    return [_in_short(row) for row in connection.execute(wanted.limit(limit))]


def models(
    connection: Connection, *, search: str = "", limit: int, offset: int = 0, length: int = 20
) -> list[ModelInShort]:
    """Returns models whose name holds the text, each with its newest results; those last tested come first.

    `length` is how many results of each model are looked at.
    """
    found = [name for name in _names(connection) if search.lower() in name.lower()]
    newest = {name: time for name in found if (time := _newest_time(connection, name))}
    last_tested = sorted(newest, key=lambda name: newest[name], reverse=True)
    return [
        ModelInShort(name, newest_results(connection, length, name)[::-1])
        for name in last_tested[offset : offset + limit]
    ]


def at_risk(
    connection: Connection, levels: Sequence[str], since: datetime, most: int = 500
) -> list[ResultInShort]:
    """Returns the newest results of these levels of risk that are of that time or later; not deleted ones."""
    found = []
    for level in levels:
        rows = connection.execute(
            select(*_SHOWN)
            .where(_table.overall_risk == level, _table.deleted_at.is_(None))
            .order_by(_table.id.desc())
            .limit(most)
        )
        found += [_in_short(row) for row in rows if row.created_at >= since]
    return sorted(found, key=lambda one: one.id)


def _names(connection: Connection) -> list[str]:
    """Returns the models' names by stepping from one to the next in an index, whatever the rows between."""
    first = select(func.min(_table.model_id).label("name")).cte("names", recursive=True)
    later = results_table.alias()
    step = (
        select(func.min(later.c.model_id))
        .where(later.c.model_id > first.c.name)
        .correlate(first)
        .scalar_subquery()
    )
    names = first.union_all(select(step).where(first.c.name.is_not(None)))
    wanted = select(names.c.name).where(names.c.name.is_not(None)).limit(MOST_MODELS)
    return [name for name in connection.execute(wanted).scalars() if name]


def _newest_time(connection: Connection, model_id: str) -> datetime | None:
    newest: datetime | None = connection.execute(
        select(_table.created_at)
        .where(_table.model_id == model_id, _table.deleted_at.is_(None))
        .order_by(_table.created_at.desc())
        .limit(1)
    ).scalar()
    return newest


def _in_short(row: Row[*tuple[Any, ...]]) -> ResultInShort:
    return ResultInShort(
        row.id,
        row.test_id,
        row.user_id,
        row.revision,
        row.model_id,
        row.test_type,
        row.created_at,
        verdict_in(row),
    )


def verdict_in(row: Row[*tuple[Any, ...]]) -> Verdict:
    """Returns the verdict in a row's columns, as `verdict_of` made it when the result was saved."""
    return Verdict(
        row.overall_risk,
        row.metrics_passed,
        row.metrics_failed,
        is_stated_passed=row.has_passed,
    )
