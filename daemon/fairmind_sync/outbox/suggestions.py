"""Reads suggestions for the fields of filters: users, models, types and risks of the newest results."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from fairmind_sync.storage.tables import results_table

_NEWEST = 2000
_MOST = 200
_table = results_table.c


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Names in alphabetical order, at most 200 of a kind."""

    users: list[str]
    models: list[str]
    test_types: list[str]
    risks: list[str]


def suggestions(connection: Connection) -> Suggestions:
    """Returns the names in the newest 2,000 results."""
    columns = (_table.user_id, _table.model_id, _table.test_type, _table.overall_risk)
    newest = select(*columns).order_by(_table.id.desc()).limit(_NEWEST).subquery()
    rows = connection.execute(select(newest).distinct()).all()
    named = ({row[place] for row in rows if row[place]} for place in range(len(columns)))
    return Suggestions(*(sorted(names)[:_MOST] for names in named))
