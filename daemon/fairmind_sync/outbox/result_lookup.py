"""Looks up results as FairMind's own service gives them: a user's records, summaries and statistics, a test's
revisions, a model's trend; and what was removed as private lately.

Of a test that was saved again with other content, the newest revision counts. A deleted result isn't found;
a pruned result has empty results and metadata.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, select

from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.states import DELIVERED
from fairmind_sync.storage.tables import outbox_table, results_table

_table = results_table


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One result of a model, for its trend."""

    test_id: str
    user_id: str
    at: datetime
    results: dict[str, Json]


def record(connection: Connection, test_id: str, user_id: str) -> dict[str, Any] | None:
    """Returns the whole record; its metadata hold `wandb_run_id` and `mlflow_run_id` of delivered runs."""
    row = connection.execute(
        select(_table).where(
            newest_revisions(), _table.c.test_id == test_id, _table.c.user_id == user_id
        )
    ).one_or_none()
    return whole(row, _run_ids(connection, row.id)) if row else None


def revisions(
    connection: Connection, test_id: str, user_id: str | None = None
) -> list[tuple[int, int, dict[str, Any]]]:
    """Returns every revision of a test that isn't deleted, of one user or of all, newest first.

    Each entry is the row's id, the revision's number, and the record.
    """
    mine = () if user_id is None else (_table.c.user_id == user_id,)
    rows = connection.execute(
        select(_table)
        .where(_table.c.test_id == test_id, _table.c.deleted_at.is_(None), *mine)
        .order_by(_table.c.id.desc())
    ).all()
    return [(row.id, row.revision, whole(row, _run_ids(connection, row.id))) for row in rows]


def summaries(
    connection: Connection,
    user_id: str,
    *,
    model_id: str | None = None,
    test_type: str | None = None,
    limit: int,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Returns the user's records without results, recommendations and metadata, newest first."""
    rows = connection.execute(
        select(_table)
        .where(*_of(user_id, model_id, test_type))
        .order_by(_table.c.created_at.desc(), _table.c.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [_summary(row, json.loads(row.results)) for row in rows]


def statistics(connection: Connection, user_id: str, model_id: str | None = None) -> dict[str, Any]:
    """Counts the user's results by risk and type, and the metrics that passed, also in percent."""
    return counted(connection, _of(user_id, model_id))


def counted(connection: Connection, mine: Sequence[ColumnElement[bool]]) -> dict[str, Any]:
    """Counts the results that meet the conditions, as `statistics` does."""
    passed, failed, total = connection.execute(
        select(
            func.coalesce(func.sum(_table.c.metrics_passed), 0),
            func.coalesce(func.sum(_table.c.metrics_failed), 0),
            func.count(),
        ).where(*mine)
    ).one()
    tested = passed + failed
    return {
        "total_tests": total,
        "by_risk": _counts(connection, func.coalesce(_table.c.overall_risk, "unknown"), mine),
        "by_type": _counts(connection, _table.c.test_type, mine),
        "total_metrics_tested": tested,
        "metrics_passed": passed,
        "metrics_failed": failed,
        "pass_rate": round(100 * passed / tested, 2) if tested else 0.0,
    }


def lately_removed(connection: Connection, newest: int) -> tuple[int, Counter[str]]:
    """Looks at so many of the newest results.

    Returns:
        How many results there were, and how many private fields each pattern has kept out of these.
    """
    newest_first = select(_table.c.removed).order_by(_table.c.id.desc()).limit(newest)
    told = connection.execute(newest_first).scalars().all()
    found: Counter[str] = Counter()
    for removed in filter(None, told):
        found.update(json.loads(removed))
    return len(told), found


def trend(
    connection: Connection,
    model_id: str,
    limit: int,
    *,
    offset: int = 0,
    dataset_id: str = "",
    test_type: str = "",
    user_id: str = "",
) -> list[TrendPoint]:
    """Returns the model's newest `limit` results after the first `offset`; of these, the oldest comes first.

    They are of one data set, type or user where one is named, else of all.
    """
    rows = connection.execute(
        select(_table.c.test_id, _table.c.user_id, _table.c.created_at, _table.c.results)
        .where(*_of_model(model_id, dataset_id, test_type, user_id))
        .order_by(_table.c.created_at.desc(), _table.c.id.desc())
        .limit(limit)
        .offset(offset)
    ).all()
    return [
        TrendPoint(row.test_id, row.user_id, row.created_at, json.loads(row.results))
        for row in reversed(rows)
    ]


def trend_length(
    connection: Connection,
    model_id: str,
    most: int,
    *,
    dataset_id: str = "",
    test_type: str = "",
    user_id: str = "",
) -> int:
    """Returns how many results `trend` has in all, and counts to `most` at the most."""
    wanted = select(_table.c.id).where(*_of_model(model_id, dataset_id, test_type, user_id))
    some = wanted.limit(most).subquery()
    number: int = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return number


def contents(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, Json]]:
    """Returns what the results with these ids hold, by id; without those that were pruned."""
    wanted = select(_table.c.id, _table.c.results)
    wanted = wanted.where(_table.c.id.in_(ids), _table.c.erased_at.is_(None))
    return {row.id: json.loads(row.results) for row in connection.execute(wanted)}


def newest_revisions(up_to: int | None = None) -> ColumnElement[bool]:
    """Returns the condition that a row is its test's newest, of the rows up to that id if one is given."""
    later = results_table.alias()
    is_seen = [] if up_to is None else [later.c.id <= up_to]
    return and_(
        _table.c.deleted_at.is_(None),
        ~exists().where(
            later.c.user_id == _table.c.user_id,
            later.c.test_id == _table.c.test_id,
            later.c.revision > _table.c.revision,
            later.c.deleted_at.is_(None),
            *is_seen,
        ),
    )


def _of(
    user_id: str, model_id: str | None, test_type: str | None = None
) -> list[ColumnElement[bool]]:
    wanted = ((_table.c.model_id, model_id), (_table.c.test_type, test_type))
    return [
        newest_revisions(),
        _table.c.user_id == user_id,
        *(column == value for column, value in wanted if value),
    ]


def _of_model(
    model_id: str, dataset_id: str, test_type: str, user_id: str
) -> list[ColumnElement[bool]]:
    narrow = {_table.c.dataset_id: dataset_id, _table.c.test_type: test_type}
    narrow[_table.c.user_id] = user_id
    return [
        newest_revisions(),
        _table.c.model_id == model_id,
        _table.c.erased_at.is_(None),
        *(column == value for column, value in narrow.items() if value),
    ]


def _counts(
    connection: Connection, by: ColumnElement[str], mine: Sequence[ColumnElement[bool]]
) -> dict[str, int]:
    rows = connection.execute(select(by, func.count()).where(*mine).group_by(by).order_by(by))
    return {row[0]: row[1] for row in rows}


def _run_ids(connection: Connection, result_id: int) -> dict[str, str]:
    return run_ids(connection, [result_id])[result_id]


def run_ids(connection: Connection, result_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """Returns the ids of each result's delivered runs, under the names that they have in its metadata."""
    found: dict[int, dict[str, str]] = {result_id: {} for result_id in result_ids}
    of = outbox_table.c
    wanted = select(of.result_id, of.provider, of.run_id).where(
        of.result_id.in_(result_ids), of.status == DELIVERED
    )
    for result_id, provider, run_id in connection.execute(wanted):
        found[result_id][f"{provider}_run_id"] = run_id
    return found


def whole(row: Row[Any], run_ids: dict[str, str]) -> dict[str, Any]:
    """Returns the whole record in a row of the table; `run_ids` are those of its delivered runs."""
    results = json.loads(row.results)
    return {
        **_summary(row, results),
        "results": results,
        "recommendations": results.get("recommendations", []),
        "metadata": json.loads(row.metadata) | run_ids,
    }


def _summary(row: Row[Any], results: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row.test_id,
        "user_id": row.user_id or None,
        "model_id": row.model_id,
        "dataset_id": row.dataset_id or None,
        "test_type": row.test_type,
        "timestamp": row.created_at.isoformat(),
        "created_at": row.created_at.isoformat(),
        "overall_risk": row.overall_risk,
        "metrics_passed": row.metrics_passed,
        "metrics_failed": row.metrics_failed,
        "summary": results.get("summary", ""),
    }
