"""Looks up deliveries and run URLs; `RunFilter` has each list's conditions, its order, and its words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, or_, select, tuple_

from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.error_causes import cause_in
from fairmind_sync.storage.cause_function import has_cause
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import outbox_table, results_table
from fairmind_sync.text import cut_short

LARGEST_ID = 2**63 - 1
"""The largest id that a row can have in either database."""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One delivery as recorded, for people and programs to read."""

    id: int
    test_id: str
    revision: int
    user_id: str
    model_id: str
    test_type: str
    provider: ProviderName
    status: str
    attempts: int
    run_id: str | None
    run_url: str | None
    destination: str | None
    due_at: datetime
    last_error_kind: str | None
    last_error: str | None
    created_at: datetime
    finished_at: datetime | None
    lease_expires_at: datetime | None
    evidence_state: str | None
    evidence_reason: str | None
    evidence_due_at: datetime | None


_OF_RESULT = ("test_id", "revision", "user_id", "model_id", "test_type")
"""Fields of a record that are columns of its result; the others are columns of the delivery itself."""


CHOSEN_BY = (
    *("test_id", "model_id", "search", "user_id", "test_type", "risk", "provider", "status"),
    *("error_kind", "error", "cause", "since", "until"),
)
"""Fields of a RunFilter by which page, REST API and command line let people choose, each by all of them."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which deliveries to list; a field that is None restricts nothing.

    `search` is part of a test's or a model's id, `error` part of the last error, and
    `cause` the whole of what `cause_in` finds in it, or an error of that cause. `since` and `until` are the
    earliest time and the first time too late at which a delivery was enqueued. The newest result comes first,
    unless `is_oldest_first`. `before` and `after` are ids of deliveries: only what is older, or newer, than
    that delivery's place in the order is listed, beginning next to it.
    """

    test_id: str | None = None
    model_id: str | None = None
    user_id: str | None = None
    test_type: str | None = None
    risk: str | None = None
    provider: str | None = None
    status: str | None = None
    error_kind: str | None = None
    error: str | None = None
    cause: str | None = None
    result_id: int | None = None
    delivery_id: int | None = None
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    after: int | None = None
    is_oldest_first: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """Returns the conditions that a delivery and its result have to meet, all of them."""
        found = [column == value for column, value in self._equal() if value is not None]
        if self.search:
            texts = (results_table.c.test_id, results_table.c.model_id)
            found.append(or_(*(text.icontains(self.search, autoescape=True) for text in texts)))
        if self.error:
            found.append(outbox_table.c.last_error.icontains(self.error, autoescape=True))
        if self.cause is not None:
            found += has_cause(outbox_table.c.last_error, self.cause)
        if self.since is not None:
            found.append(outbox_table.c.created_at >= self.since)
        if self.until is not None:
            found.append(outbox_table.c.created_at < self.until)
        if self.before is not None:
            found.append(tuple_(*_PLACE) < _place_of(self.before))
        if self.after is not None:
            found.append(tuple_(*_PLACE) > _place_of(self.after))
        return found

    def from_(self, delivery_id: int) -> RunFilter:
        """Returns the filter for what is listed after the delivery."""
        if self.is_oldest_first:
            return replace(self, after=delivery_id)
        return replace(self, before=delivery_id)

    def in_words(self) -> str:
        """Returns what the filter lets through, for people; of an error's text the beginning of its cause.

        A provider's words may quote what they were sent, and that has to go where a result is erased.
        """
        said = (
            ("{} deliveries", self.status or "all"),
            ("at {}", self.provider),
            ("of test {}", self.test_id),
            ("of model {}", self.model_id),
            ("of user {}", self.user_id),
            ("of type {}", self.test_type),
            ("of risk {}", self.risk),
            ("with an id like {}", self.search),
            ("whose error {}", self._error_in_words()),
            ("since {:%Y-%m-%d %H:%M} UTC", self.since),
            ("until {:%Y-%m-%d %H:%M} UTC", self.until),
        )
        return " ".join(words.format(value) for words, value in said if value)

    def _error_in_words(self) -> str:
        said = (
            ("is of kind {}", self.error_kind),
            ("has “{}”", self.error and _in_short(self.error)),
            ("says “{}”", self.cause and _in_short(self.cause)),
        )
        return " and ".join(words.format(value) for words, value in said if value)

    def order(self) -> tuple[ColumnElement[Any], ...]:
        """Returns the order in which to read, by the column with which an index of the rows ends."""
        of_results = (self.test_id, self.model_id, self.risk)
        is_chosen_by_result = any(value is not None for value in of_results)
        result_id = results_table.c.id if is_chosen_by_result else outbox_table.c.result_id
        columns = (result_id, outbox_table.c.provider)
        return tuple(each.asc() if self._is_read_upwards else each.desc() for each in columns)

    def in_order(self, read: list[DeliveryRecord]) -> list[DeliveryRecord]:
        """Returns what was read in the order in which it is listed."""
        return read if self._is_read_upwards == self.is_oldest_first else read[::-1]

    @property
    def _is_read_upwards(self) -> bool:
        """Whether older deliveries are read first: those next to where the list begins or ends."""
        return self.after is not None or (self.is_oldest_first and self.before is None)

    def _equal(self) -> tuple[tuple[ColumnElement[Any], object], ...]:
        of = results_table.c
        return (
            (of.test_id, self.test_id),
            (of.model_id, self.model_id),
            (of.user_id, self.user_id),
            (of.test_type, self.test_type),
            (of.overall_risk, self.risk),
            (outbox_table.c.provider, self.provider),
            (outbox_table.c.status, self.status),
            (outbox_table.c.last_error_kind, self.error_kind),
            (outbox_table.c.result_id, self.result_id),
            (outbox_table.c.id, self.delivery_id),
        )


_MOST_TOLD = 80
"""So much of an error is told in words about a filter, which are kept."""
_PLACE = (outbox_table.c.result_id, outbox_table.c.provider)
"""Where a delivery stands in the order of all."""


def _in_short(error: str) -> str:
    return cut_short(cause_in(error), _MOST_TOLD)


def _place_of(delivery_id: int) -> Any:
    return select(*_PLACE).where(outbox_table.c.id == delivery_id).scalar_subquery()


def find(engine: Engine, wanted: RunFilter, limit: int | None = None) -> list[DeliveryRecord]:
    """Returns the deliveries that the filter lets through, those of the newest result first."""
    with reading(engine) as connection:
        return deliveries(connection, wanted, limit)


def in_parts(engine: Engine, wanted: RunFilter, size: int) -> Iterator[DeliveryRecord]:
    """Yields what `find` returns, read in parts of that size, so that any number of deliveries fits."""
    while part := find(engine, wanted, size):
        yield from part
        wanted = wanted.from_(part[-1].id)


def run_url(engine: Engine, provider: ProviderName, run_id: str) -> str | None:
    """Returns the run's URL as recorded at its delivery; None for an unknown run."""
    with reading(engine) as connection:
        found = delivery_by_run(connection, provider, run_id)
    return found.run_url if found else None


def deliveries(
    connection: Connection, wanted: RunFilter, limit: int | None = None
) -> list[DeliveryRecord]:
    """Returns what `find` does, inside the caller's transaction."""
    selected = _select_records(*wanted.conditions()).order_by(*wanted.order())
    found = _records(connection, selected.limit(limit))
    return wanted.in_order(found)


def count(connection: Connection, wanted: RunFilter, most: int) -> int:
    """Returns how many deliveries the filter lets through, and counts to `most` at the most."""
    some = _ids(wanted).limit(most).subquery()
    counted: int = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return counted


def ids(connection: Connection, wanted: RunFilter) -> list[int]:
    """Returns the ids of all deliveries that the filter lets through."""
    return list(connection.execute(_ids(wanted)).scalars())


def count_by_provider(connection: Connection, wanted: RunFilter) -> Counter[str]:
    """Returns how many deliveries to each provider the filter lets through."""
    by = outbox_table.c.provider
    chosen = _ids(wanted).with_only_columns(by, func.count()).group_by(by)
    return Counter({row[0]: row[1] for row in connection.execute(chosen)})


def delivery_by_run(
    connection: Connection, provider: ProviderName, run_id: str
) -> DeliveryRecord | None:
    """Returns the delivery that became this run; None for a run that was not delivered from here."""
    found = _records(
        connection,
        _select_records(
            outbox_table.c.provider == provider,
            outbox_table.c.run_id == run_id,
            outbox_table.c.status == "delivered",
        ).limit(1),
    )
    return found[0] if found else None


_COLUMNS = tuple(
    (results_table if name in _OF_RESULT else outbox_table).c[name]
    for name in (field.name for field in fields(DeliveryRecord))
)


def _ids(wanted: RunFilter) -> Select[Any]:
    return (
        select(outbox_table.c.id).join_from(outbox_table, results_table).where(*wanted.conditions())
    )


def _select_records(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*_COLUMNS).join_from(outbox_table, results_table).where(*conditions)


def _records(connection: Connection, statement: Select[Any]) -> list[DeliveryRecord]:
    return [DeliveryRecord(*row) for row in connection.execute(statement)]
