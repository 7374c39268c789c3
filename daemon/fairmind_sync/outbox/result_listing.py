"""Lists, counts, sums up and exports results of all users by a
`ResultFilter`, the newest revision of each test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, select

from fairmind_sync.outbox.model_lookup import verdict_in
from fairmind_sync.outbox.result_lookup import counted, newest_revisions, run_ids, whole
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import results_table

_LISTED = [column for column in results_table.c if column.name not in ("results", "metadata")]
_PAGE = 500
"""So many results are held in memory at once, and read in one transaction."""
_of = results_table.c


@dataclass(frozen=True, slots=True)
class ResultFilter:
    """Which results; a field that is None restricts nothing. Tested at `since` or later, before `until`."""

    user_id: str | None = None
    model_id: str | None = None
    dataset_id: str | None = None
    test_type: str | None = None
    risk: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self, up_to: int | None = None) -> list[ColumnElement[bool]]:
        """Returns the conditions that a result has to meet, all of them; `up_to` as in `newest_revisions`."""
        equal = (
            (_of.user_id, self.user_id),
            (_of.model_id, self.model_id),
            (_of.dataset_id, self.dataset_id),
            (_of.test_type, self.test_type),
            (_of.overall_risk, self.risk),
        )
        found = [column == value for column, value in equal if value is not None]
        if self.since is not None:
            found.append(_of.created_at >= self.since)
        if self.until is not None:
            found.append(_of.created_at < self.until)
        return [newest_revisions(up_to), *found]


@dataclass(frozen=True, slots=True)
class ListedResult:
    """A result in a list; `verdict` is 'passed' or 'failed', None where nothing is stated.

    `saved_at` is when it was tested: the time that came with it, else the moment of its save. `removed` is
    how many private fields were left out before it was stored.
    """

    test_id: str
    revision: int
    user_id: str
    model_id: str
    dataset_id: str
    test_type: str
    saved_at: datetime
    risk: str | None
    verdict: str | None
    metrics_passed: int
    metrics_failed: int
    removed: int


@dataclass(frozen=True, slots=True)
class ExportedResult:
    """A result in a list, with its whole record."""

    listed: ListedResult
    record: dict[str, Any]


def listed(
    connection: Connection, wanted: ResultFilter, limit: int | None = None
) -> list[ListedResult]:
    """Returns the results that the filter lets through, those saved last first; all without a limit."""
    rows = connection.execute(
        select(*_LISTED).where(*wanted.conditions()).order_by(_of.id.desc()).limit(limit)
    )
    return [_listed(row) for row in rows]


def how_many(connection: Connection, wanted: ResultFilter, most: int) -> int:
    """Returns how many results the filter lets through, and counts to `most` at the most."""
    some = select(_of.id).where(*wanted.conditions()).limit(most).subquery()
    number: int = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return number


def summed_up(connection: Connection, wanted: ResultFilter) -> dict[str, Any]:
    """Counts the results that the filter lets through by risk and type, and their metrics."""
    return counted(connection, wanted.conditions())


def newest_id(engine: Engine) -> int:
    """Returns the id of what was saved last; 0 where nothing is saved."""
    with reading(engine) as connection:
        return connection.execute(select(func.max(_of.id))).scalar() or 0


def exported(
    engine: Engine, wanted: ResultFilter, up_to: int | None = None
) -> Iterator[ExportedResult]:
    """Yields the results that the filter lets through and that are there now, the oldest first.

    No transaction is open between two pages, so that nobody waits for an export; what is saved meanwhile is
    left out, of each test too. With an `up_to` of `newest_id`, so is what was saved since then.
    """
    newest = newest_id(engine) if up_to is None else up_to
    last = 0
    while True:
        with reading(engine) as connection:
            rows = connection.execute(
                select(results_table)
                .where(_of.id > last, _of.id <= newest, *wanted.conditions(newest))
                .order_by(_of.id)
                .limit(_PAGE)
            ).all()
            runs = run_ids(connection, [row.id for row in rows])
        if not rows:
            return
        for row in rows:
            yield ExportedResult(_listed(row), whole(row, runs[row.id]))
        last = rows[-1].id


def _listed(row: Row[Any]) -> ListedResult:
    return ListedResult(
        test_id=row.test_id,
        revision=row.revision,
        user_id=row.user_id,
        model_id=row.model_id,
        dataset_id=row.dataset_id,
        test_type=row.test_type,
        saved_at=row.created_at,
        risk=row.overall_risk,
        verdict=verdict_in(row).word,
        metrics_passed=row.metrics_passed,
        metrics_failed=row.metrics_failed,
        removed=sum(json.loads(row.removed or "{}").values()),
    )
