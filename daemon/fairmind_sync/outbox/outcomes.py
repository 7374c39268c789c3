"""Writes of the worker that holds a delivery's lease: run created, delivered, to be retried, dead, given
back, lease extended.

Each function raises LeaseLostError, and writes nothing, where the delivery no longer has the worker's lease
token; `release` and `unclaim` pass over such deliveries.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    update,
)

from fairmind_sync.errors import LeaseLostError
from fairmind_sync.outbox import counters, owed_evidence, unclean_attempts
from fairmind_sync.outbox.claims import NO_LEASE
from fairmind_sync.results.delivery import Delivery, Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.evidence_states import EvidenceState
from fairmind_sync.results.states import DEAD, DELIVERED
from fairmind_sync.storage.tables import attempts_table, outbox_table


def note_creating(
    connection: Connection, delivery: Delivery, destination: str, now: datetime
) -> None:
    """Records that a run may exist at the destination from now on."""
    _write_leased(connection, delivery, create_attempted_at=now, destination=destination)


def note_not_created(connection: Connection, delivery: Delivery) -> None:
    """Takes `note_creating` back: the request for a run never reached the provider."""
    _write_leased(connection, delivery, create_attempted_at=delivery.create_attempted_at)


def note_created(connection: Connection, delivery: Delivery, run_id: str) -> None:
    """Records the id of the run that the provider made."""
    _write_leased(connection, delivery, run_id=run_id)


def extend_lease(connection: Connection, delivery: Delivery, leased_until: datetime) -> None:
    """Has the lease last until then."""
    _write_leased(connection, delivery, lease_expires_at=leased_until)


def record_delivered(
    connection: Connection,
    delivery: Delivery,
    run: Run,
    destination: str,
    now: datetime,
    evidence: EvidenceState | None = None,
) -> None:
    """Records that the provider confirmed the run, with the run's id and URL, and counts the latency.

    Evidence that isn't stored is tried again.
    """
    is_stored = evidence is None or evidence.is_stored
    due_at = None if is_stored else now + owed_evidence.SHORTEST_WAIT
    _finish(
        connection,
        delivery,
        DELIVERED,
        now,
        run_id=run.id,
        run_url=run.url,
        destination=destination,
        last_error=None,
        last_error_kind=None,
        **owed_evidence.columns_of(evidence, due_at),
    )
    _close_attempt(connection, delivery, "delivered", now)
    counters.count_latency(connection, delivery.provider, now - delivery.enqueued_at)
    if delivery.create_attempted_at is not None:  # an earlier attempt may have made another run
        unclean_attempts.sweep_again(connection, [delivery.id])


def record_retry(
    connection: Connection,
    delivery: Delivery,
    kind: ErrorKind,
    reason: str,
    *,
    due_at: datetime,
    now: datetime,
    is_counted: bool = True,
) -> None:
    """Records that the attempt failed, or ended without a result; the next one may start at `due_at`."""
    _write_leased(
        connection,
        delivery,
        attempts=delivery.attempts if is_counted else delivery.attempts - 1,
        due_at=due_at,
        last_error=reason,
        last_error_kind=kind.value,
        **NO_LEASE,
    )
    outcome = "retry" if is_counted else "released"
    _close_attempt(connection, delivery, outcome, now, kind, reason)


def record_dead(
    connection: Connection, delivery: Delivery, kind: ErrorKind, reason: str, now: datetime
) -> None:
    """Records that the delivery can't succeed as it stands; an operator may retry or discard it."""
    _finish(connection, delivery, DEAD, now, last_error=reason, last_error_kind=kind.value)
    _close_attempt(connection, delivery, "dead", now, kind, reason)


def release(
    connection: Connection, deliveries: Sequence[Delivery], now: datetime, reason: str
) -> None:
    """Gives deliveries back that were begun: their attempts stay in the history, but don't count."""
    for delivery in deliveries:
        if _give_back(connection, delivery):
            _close_attempt(connection, delivery, "released", now, ErrorKind.RELEASED, reason)


def unclaim(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Gives deliveries back that nobody began, as if they had never been claimed.

    Where the lease was lost, the attempt was counted: it stays.
    """
    for delivery in deliveries:
        if _give_back(connection, delivery):
            connection.execute(
                delete(attempts_table).where(
                    attempts_table.c.delivery_id == delivery.id,
                    attempts_table.c.lease_token == delivery.lease_token,
                )
            )


def _give_back(connection: Connection, delivery: Delivery) -> bool:
    """Ends the lease and uncounts the attempt; returns whether the lease was still ours."""
    given_back = connection.execute(
        update(outbox_table)
        .where(_leased(delivery))
        .values(attempts=outbox_table.c.attempts - 1, **NO_LEASE)
    )
    return bool(given_back.rowcount)


# Made once, because SQLAlchemy takes longer to make such a statement than a database to run it.
_WRITE_LEASED = update(outbox_table).where(
    outbox_table.c.id == bindparam("of_delivery"),
    outbox_table.c.lease_token == bindparam("of_lease"),
)
_CLOSE_ATTEMPT = update(attempts_table).where(
    attempts_table.c.delivery_id == bindparam("of_delivery"),
    attempts_table.c.lease_token == bindparam("of_lease"),
)


def _leased(delivery: Delivery) -> ColumnElement[bool]:
    return and_(
        outbox_table.c.id == delivery.id, outbox_table.c.lease_token == delivery.lease_token
    )


def _write_leased(connection: Connection, delivery: Delivery, **values: Any) -> None:
    held = {"of_delivery": delivery.id, "of_lease": delivery.lease_token}
    if connection.execute(_WRITE_LEASED, {**held, **values}).rowcount == 0:
        raise LeaseLostError


def _finish(
    connection: Connection, delivery: Delivery, status: str, now: datetime, **values: Any
) -> None:
    _write_leased(connection, delivery, status=status, finished_at=now, **values, **NO_LEASE)


def _close_attempt(
    connection: Connection,
    delivery: Delivery,
    outcome: str,
    now: datetime,
    kind: ErrorKind | None = None,
    error: str | None = None,
) -> None:
    connection.execute(
        _CLOSE_ATTEMPT,
        {
            "of_delivery": delivery.id,
            "of_lease": delivery.lease_token,
            "finished_at": now,
            "outcome": outcome,
            "error_kind": kind and kind.value,
            "error": error,
        },
    )
    counters.count_attempt(connection, delivery.provider, outcome, kind and kind.value)
