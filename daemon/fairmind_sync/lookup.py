"""Every read. Nothing here needs the daemon, a provider or the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, tuple_

from fairmind_sync.models import (
    DEAD,
    DELIVERED,
    PENDING,
    STATUSES,
    bias_test_results,
    claimable,
    count_leased,
    delivery_attempts,
    delivery_counts,
    outbox,
)
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.provider_state import ProviderState
from fairmind_sync.provider_state import read as read_provider_state

SUSPECT_FOR = timedelta(days=1)
"""So long after an attempt a request of it may reach a server, or a process of it may wake up."""
LARGEST_ID = 2**63 - 1
"""Of a row; what databases count with."""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One delivery as it stands, for people and programs to read."""

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


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which deliveries to list; None leaves a field open.

    `search` is part of a test's or a model's id; `since` is when the result was saved for the provider;
    `before` is the id of the delivery that all come after in the list, for paging.
    """

    test_id: str | None = None
    model_id: str | None = None
    provider: str | None = None
    status: str | None = None
    result_id: int | None = None
    delivery_id: int | None = None
    search: str | None = None
    since: datetime | None = None
    before: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        of = bias_test_results.c
        equal = (
            (of.test_id, self.test_id),
            (of.model_id, self.model_id),
            (outbox.c.provider, self.provider),
            (outbox.c.status, self.status),
            (outbox.c.result_id, self.result_id),
            (outbox.c.id, self.delivery_id),
        )
        found = [column == value for column, value in equal if value is not None]
        if self.search:
            texts = (of.test_id, of.model_id)
            found.append(or_(*(text.icontains(self.search, autoescape=True) for text in texts)))
        if self.since is not None:
            found.append(outbox.c.created_at >= self.since)
        if self.before is not None:
            place = (outbox.c.result_id, outbox.c.provider)
            last = select(*place).where(outbox.c.id == self.before).scalar_subquery()
            found.append(tuple_(*place) < last)
        return found

    def order(self) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """The newest result first. By the column that an index of the chosen rows ends with."""
        is_chosen_by_result = self.test_id is not None or self.model_id is not None
        result_id = bias_test_results.c.id if is_chosen_by_result else outbox.c.result_id
        return result_id.desc(), outbox.c.provider.desc()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try; without an outcome it is under way or its worker died."""

    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    error_kind: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is recorded of a delivery's run."""

    status: str
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """A provider's deliveries by status, and since when the oldest pending one waits."""

    counts: dict[str, int]
    oldest_pending_at: datetime | None
    state: ProviderState


def deliveries(
    connection: Connection, wanted: RunFilter, limit: int | None = None
) -> list[DeliveryRecord]:
    """Those of the newest result first."""
    selected = _select_records(*wanted.conditions()).order_by(*wanted.order())
    return _records(connection, selected.limit(limit))


def delivery_by_run(
    connection: Connection, provider: ProviderName, run_id: str
) -> DeliveryRecord | None:
    """The delivery that became this run, as recorded at delivery."""
    found = _records(
        connection,
        _select_records(
            outbox.c.provider == provider, outbox.c.run_id == run_id, outbox.c.status == "delivered"
        ).limit(1),
    )
    return found[0] if found else None


def attempts(connection: Connection, delivery_id: int) -> list[Attempt]:
    """Oldest first."""
    rows = connection.execute(
        select(
            delivery_attempts.c.started_at,
            delivery_attempts.c.finished_at,
            delivery_attempts.c.outcome,
            delivery_attempts.c.error_kind,
            delivery_attempts.c.error,
        )
        .where(delivery_attempts.c.delivery_id == delivery_id)
        .order_by(delivery_attempts.c.id)
    )
    return [Attempt(*row) for row in rows]


def has_work(
    connection: Connection, provider: ProviderName, now: datetime, most: int | None = None
) -> bool:
    """Whether a drain would find something to do now, of which no more than `most` may be leased."""
    if not read_provider_state(connection, provider).may_try(now):
        return False
    if most is not None and connection.execute(count_leased(provider, now)).scalar_one() >= most:
        return False
    due = select(outbox.c.id).where(claimable(provider, now)).limit(1)
    return connection.execute(due).first() is not None


def next_work_at(connection: Connection, provider: ProviderName) -> datetime | None:
    """When a delivery falls due, its lease runs out, or its provider's probe is due.

    None: nothing waits, or nothing may go on because the provider is paused.
    """
    pending = (outbox.c.provider == provider, outbox.c.status == PENDING)
    waiting = connection.execute(
        select(outbox.c.due_at)
        .where(*pending, outbox.c.lease_expires_at.is_(None))
        .order_by(outbox.c.due_at)
        .limit(1)
    ).scalars()
    held = connection.execute(
        select(outbox.c.due_at, outbox.c.lease_expires_at).where(
            outbox.c.provider == provider, outbox.c.lease_token.is_not(None)
        )
    )
    times = [*waiting, *(max(row) for row in held)]
    state = read_provider_state(connection, provider)
    if state.is_paused or not times:
        return None
    first: datetime = min(times)
    return max(first, state.next_probe_at or first)


def standing(connection: Connection, provider: ProviderName, key: str) -> Standing | None:
    """By delivery key; None for a key of another database."""
    row = connection.execute(
        select(outbox.c.status, outbox.c.run_id).where(
            outbox.c.provider == provider, outbox.c.delivery_key == key
        )
    ).one_or_none()
    return Standing(*row) if row else None


def is_suspect(now: datetime) -> ColumnElement[bool]:
    """Of an attempt: it wasn't the delivering one, and what it may have left behind can turn up still."""
    return and_(
        or_(delivery_attempts.c.outcome.is_(None), delivery_attempts.c.outcome != DELIVERED),
        delivery_attempts.c.started_at >= now - SUSPECT_FOR,
    )


def suspect_keys(
    connection: Connection, provider: ProviderName, now: datetime, limit: int | None = None
) -> list[str]:
    """The keys of deliveries that may have made a run in such an attempt."""
    return list(
        connection.execute(
            select(outbox.c.delivery_key)
            .join_from(delivery_attempts, outbox)
            .where(
                is_suspect(now),
                outbox.c.provider == provider,
                outbox.c.create_attempted_at.is_not(None),
            )
            .distinct()
            .limit(limit)
        ).scalars()
    )


def is_backlog_full(connection: Connection, most: int) -> bool:
    """Whether that many deliveries are pending."""
    pending = select(func.sum(delivery_counts.c.count)).where(delivery_counts.c.status == PENDING)
    return int(connection.execute(pending).scalar_one()) >= most


def pending(connection: Connection, provider: ProviderName) -> int:
    """How many deliveries wait for the provider, due or not."""
    counted = select(func.sum(delivery_counts.c.count)).where(
        delivery_counts.c.provider == provider, delivery_counts.c.status == PENDING
    )
    return int(connection.execute(counted).scalar_one())


def backlog(connection: Connection, provider: ProviderName) -> Backlog:
    counts = connection.execute(
        select(delivery_counts.c.status, func.sum(delivery_counts.c.count))
        .where(delivery_counts.c.provider == provider)
        .group_by(delivery_counts.c.status)
    )
    oldest = connection.execute(
        select(outbox.c.created_at)
        .where(outbox.c.provider == provider, outbox.c.status == PENDING)
        .order_by(outbox.c.created_at)
        .limit(1)
    ).scalar()
    by_status = {row[0]: int(row[1]) for row in counts}
    return Backlog(
        {status: by_status[status] for status in STATUSES},
        oldest,
        read_provider_state(connection, provider),
    )


def unfinished(connection: Connection, providers: Sequence[ProviderName]) -> dict[str, int]:
    """How many deliveries of each provider are pending or dead, those of none left out."""
    waiting = func.sum(delivery_counts.c.count)
    rows = connection.execute(
        select(delivery_counts.c.provider, waiting)
        .where(
            delivery_counts.c.provider.in_(providers),
            delivery_counts.c.status.in_((PENDING, DEAD)),
        )
        .group_by(delivery_counts.c.provider)
        .having(waiting > 0)
    )
    return {row[0]: int(row[1]) for row in rows}


def _select_records(*conditions: ColumnElement[bool]) -> Select[Any]:
    columns = (
        outbox.c.id,
        bias_test_results.c.test_id,
        bias_test_results.c.revision,
        bias_test_results.c.user_id,
        bias_test_results.c.model_id,
        bias_test_results.c.test_type,
        outbox.c.provider,
        outbox.c.status,
        outbox.c.attempts,
        outbox.c.run_id,
        outbox.c.run_url,
        outbox.c.destination,
        outbox.c.due_at,
        outbox.c.last_error_kind,
        outbox.c.last_error,
        outbox.c.created_at,
        outbox.c.finished_at,
        outbox.c.lease_expires_at,
    )
    return select(*columns).join_from(outbox, bias_test_results).where(*conditions)


def _records(connection: Connection, statement: Select[Any]) -> list[DeliveryRecord]:
    return [DeliveryRecord(*row) for row in connection.execute(statement)]
