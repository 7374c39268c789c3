"""Evidence that delivered runs lack: whose is due for a try, how
long to wait between tries, and what became of each.

Each function runs inside the caller's transaction. To store evidence twice is harmless, as the same result
makes the same bytes; so evidence has no lease, only a time at which the next try may start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, exists, func, select, update

from fairmind_sync.outbox.hand_overs import is_away
from fairmind_sync.outbox.payload_locks import keep_payloads_of
from fairmind_sync.outbox.saved_results import saved_result_of
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import OwedEvidence
from fairmind_sync.results.evidence_states import REFUSED, WAITING, EvidenceState
from fairmind_sync.results.states import DELIVERED
from fairmind_sync.storage.tables import outbox_table, provider_table, results_table

SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=6)
"""Between two tries: as long again as the evidence was missing."""
_TRY = timedelta(minutes=2)
"""After so long without an outcome, the try has ended with its process."""
_GONE = EvidenceState(REFUSED, "the result is no longer in the database", is_final=True)


@dataclass(frozen=True, slots=True)
class LackingEvidence:
    """How many runs of a provider are in one evidence state and tried again, with one of the reasons."""

    provider: str
    state: str
    count: int
    reason: str | None


def wait_after(missing_for: timedelta) -> timedelta:
    """Returns how long to wait after a try that failed when the evidence was missing for so long."""
    return min(max(missing_for, SHORTEST_WAIT), LONGEST_WAIT)


def is_due(connection: Connection, provider: ProviderName, now: datetime) -> bool:
    """Returns whether evidence of the provider's runs may be tried now."""
    return connection.execute(_NEXT_DUE, {"of_provider": provider, "at": now}).first() is not None


def take(connection: Connection, provider: ProviderName, now: datetime) -> OwedEvidence | None:
    """Returns the evidence that is due first, and puts off its next try; None if none is due."""
    while is_due(connection, provider, now):
        found = connection.execute(_TAKEN_NEXT, {"of_provider": provider, "at": now}).scalar()
        if found is None:
            return None
        row = connection.execute(_WITH_RESULT.where(outbox_table.c.id == found)).one()
        if row.erased_at is None and row.deleted_at is None:
            _write(connection, found, evidence_due_at=now + _TRY)
            return _owed(row)
        _write(connection, found, **columns_of(_GONE, None))
    return None


def note(
    connection: Connection, delivery_id: int, state: EvidenceState, due_at: datetime | None
) -> None:
    """Records the evidence's state, and when it is tried again; None: never.

    Why is not recorded where the result was erased during the try: the words may repeat the result.
    """
    values = columns_of(state, due_at)
    if not keep_payloads_of(connection, [delivery_id]):
        values["evidence_reason"] = None
    _write(connection, delivery_id, **values)


def columns_of(state: EvidenceState | None, due_at: datetime | None) -> dict[str, Any]:
    """Returns what a delivery's row holds of its evidence; None where none was asked for."""
    return {
        "evidence_state": state and state.state,
        "evidence_reason": state and (state.reason or None),
        "evidence_due_at": due_at,
    }


def note_refused_store(connection: Connection, provider: ProviderName, now: datetime) -> None:
    """Has the provider's evidence rest: a store that refused one run's evidence will refuse the others'."""
    of = provider_table.c
    since = connection.execute(
        select(of.evidence_failing_since).where(of.provider == provider)
    ).scalar()
    rest = wait_after(now - since if since else timedelta())
    connection.execute(
        update(provider_table)
        .where(of.provider == provider)
        .values(evidence_failing_since=since or now, evidence_next_at=now + rest)
    )


def note_working_store(connection: Connection, provider: ProviderName) -> None:
    """Ends the rest."""
    connection.execute(
        update(provider_table)
        .where(
            provider_table.c.provider == provider,
            provider_table.c.evidence_failing_since.is_not(None),
        )
        .values(evidence_failing_since=None, evidence_next_at=None)
    )


def try_now(connection: Connection, providers: Sequence[ProviderName], now: datetime) -> int:
    """Has all missing evidence of the providers' runs tried at once, also what is no longer tried by itself.

    Returns:
        How many runs lack their evidence, and can get it from here.
    """
    lacking = (
        outbox_table.c.provider.in_(providers),
        outbox_table.c.status == DELIVERED,
        outbox_table.c.evidence_state.in_((WAITING, REFUSED)),
        *_can_get_it_from_here(),
    )
    tried = connection.execute(update(outbox_table).where(*lacking).values(evidence_due_at=now))
    connection.execute(  # after the deliveries, as who records a try does
        update(provider_table)
        .where(provider_table.c.provider.in_(providers))
        .values(evidence_failing_since=None, evidence_next_at=None)
    )
    return tried.rowcount


def without_state(
    connection: Connection, provider: ProviderName, after: int, limit: int
) -> list[int]:
    """Returns delivered runs whose evidence nobody has asked for, with ids above `after`, in their order.

    Those of deleted and erased results, and of other sites, are left out.
    """
    rows = connection.execute(
        select(outbox_table.c.id)
        .where(
            outbox_table.c.id > after,
            outbox_table.c.provider == provider,
            outbox_table.c.status == DELIVERED,
            outbox_table.c.evidence_state.is_(None),
            *_can_get_it_from_here(),
        )
        .order_by(outbox_table.c.id)
        .limit(limit)
    )
    return [row.id for row in rows]


def _can_get_it_from_here() -> tuple[ColumnElement[bool], ...]:
    """Returns the conditions: there is something to send, and no other site looks after the run."""
    whole = exists().where(
        results_table.c.id == outbox_table.c.result_id,
        results_table.c.erased_at.is_(None),
        results_table.c.deleted_at.is_(None),
    )
    return whole, ~is_away()


def ask_for(connection: Connection, delivery_ids: Sequence[int], now: datetime) -> None:
    """Has the evidence of delivered runs tried, which nobody has asked for before."""
    connection.execute(
        update(outbox_table)
        .where(outbox_table.c.id.in_(delivery_ids), outbox_table.c.status == DELIVERED)
        .values(evidence_state=WAITING, evidence_reason=None, evidence_due_at=now)
    )


def try_again_of(connection: Connection, result_ids: Sequence[int], now: datetime) -> None:
    """Has evidence tried that was given up because a result was erased: the result was saved again."""
    of = outbox_table.c
    connection.execute(
        update(outbox_table)
        .where(
            of.result_id.in_(result_ids),
            of.status == DELIVERED,
            of.evidence_state == _GONE.state,
            of.evidence_reason == _GONE.reason,
            ~is_away(),
        )
        .values(evidence_state=WAITING, evidence_reason=None, evidence_due_at=now)
    )


def lacking(connection: Connection) -> list[LackingEvidence]:
    """Returns how many runs' evidence is missing and tried again, by provider and state."""
    of = outbox_table.c
    counted = connection.execute(
        select(of.provider, of.evidence_state, func.count(), func.max(of.id))
        .where(of.evidence_due_at.is_not(None))
        .group_by(of.provider, of.evidence_state)
        .order_by(of.provider, of.evidence_state)
    ).all()
    return [
        LackingEvidence(
            row[0],
            row[1],
            row[2],
            connection.execute(select(of.evidence_reason).where(of.id == row[3])).scalar(),
        )
        for row in counted
    ]


_WITH_RESULT = select(
    outbox_table.c.id.label("delivery_id"),
    outbox_table.c.delivery_key,
    outbox_table.c.run_id,
    outbox_table.c.run_url,
    outbox_table.c.destination,
    outbox_table.c.finished_at,
    *(column for column in results_table.c if column.name != "id"),
).join_from(outbox_table, results_table)
_REFUSES_NOW = exists().where(
    provider_table.c.provider == bindparam("of_provider"),
    provider_table.c.evidence_next_at > bindparam("at"),
)
_NEXT_DUE = (
    select(outbox_table.c.id)
    .where(
        outbox_table.c.provider == bindparam("of_provider"),
        outbox_table.c.evidence_due_at <= bindparam("at"),
        ~_REFUSES_NOW,
    )
    .order_by(outbox_table.c.evidence_due_at)
    .limit(1)
)
_TAKEN_NEXT = _NEXT_DUE.with_for_update(skip_locked=True)
"""Built once: each look of a daemon asks."""


def _write(connection: Connection, delivery_id: int, **values: Any) -> None:
    connection.execute(
        update(outbox_table)
        .where(outbox_table.c.id == delivery_id, outbox_table.c.status == DELIVERED)
        .values(values)
    )


def _owed(row: Row[Any]) -> OwedEvidence:
    return OwedEvidence(
        delivery_id=row.delivery_id,
        key=row.delivery_key,
        run_id=row.run_id,
        run_url=row.run_url,
        destination=row.destination,
        delivered_at=row.finished_at,
        result=saved_result_of(row),
    )
