"""Reads a result with its whole payload, as a `SavedResult`, of which runs and reports are made."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, select

from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.storage.tables import results_table

_FIELDS = ("test_id", "user_id", "revision", "model_id", "dataset_id", "test_type", "created_at")


def saved_result_of(row: Row[Any], prefix: str = "") -> SavedResult:
    """Returns the result in a row of `results_table`, whose columns' names begin with the prefix."""
    found = row._mapping  # noqa: SLF001 SQLAlchemy's public name
    return SavedResult(
        **{name: found[prefix + name] for name in _FIELDS},
        results=json.loads(found[f"{prefix}results"]),
        metadata=json.loads(found[f"{prefix}metadata"]),
    )


def newest_result(
    connection: Connection, test_id: str, user_id: str | None = None, revision: int | None = None
) -> SavedResult | None:
    """Returns the newest result of the test, of one user or of all; that revision, if one is given.

    Returns None for a result that is not there, or whose payload was erased.
    """
    found = whole_revisions(connection, test_id, user_id, 1, revision)
    return found[0] if found else None


def whole_revisions(
    connection: Connection,
    test_id: str,
    user_id: str | None,
    limit: int,
    revision: int | None = None,
) -> list[SavedResult]:
    """Returns the test's newest results that are neither deleted nor erased, newest first.

    They are those of one user or of all; of one revision, if that is given.
    """
    table = results_table.c
    wanted = ((table.user_id, user_id), (table.revision, revision))
    rows = connection.execute(
        select(results_table)
        .where(table.test_id == test_id, table.deleted_at.is_(None), table.erased_at.is_(None))
        .where(*(column == value for column, value in wanted if value is not None))
        .order_by(table.id.desc())
        .limit(limit)
    )
    return [saved_result_of(row) for row in rows]
