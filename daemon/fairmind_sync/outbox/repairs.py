"""Changes deliveries without holding their lease: ends a dead worker's leases, buries what used up its
attempts, corrects times after the clock was set back, reopens incomplete runs.

Each function runs inside the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from sqlalchemy import Connection, Text, bindparam, case, delete, exists, func, or_, select, update

from fairmind_sync.backoff import LONGEST_DELAY, retry_delay
from fairmind_sync.outbox import counters
from fairmind_sync.outbox.claims import AT, LEASE, OF_PROVIDER
from fairmind_sync.outbox.hand_overs import has_travelled, is_away
from fairmind_sync.outbox.payload_locks import keep_payloads_of
from fairmind_sync.outbox.unclean_attempts import SUSPECT_FOR, sweep_again
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.states import DEAD, DELIVERED, DISCARDED, PENDING
from fairmind_sync.storage.tables import (
    attempts_table,
    outbox_table,
    provider_samples_table,
    provider_table,
    webhook_events_table,
)

_WAITS = (
    provider_table.c.next_probe_at,
    provider_table.c.evidence_next_at,
    outbox_table.c.evidence_due_at,
    webhook_events_table.c.due_at,
)
"""When something is tried again."""
_TOLD_OF_PROVIDERS = (
    provider_table.c.evidence_failing_since,
    provider_table.c.since,
    provider_table.c.last_success_at,
    provider_table.c.paused_at,
)

# Made once: each claim asks for it, and SQLAlchemy takes longer to make it than a database to run it.
_BURY = (
    update(outbox_table)
    .where(
        outbox_table.c.provider == OF_PROVIDER,
        outbox_table.c.lease_token.is_not(None),
        outbox_table.c.lease_expires_at <= AT,
        outbox_table.c.due_at <= AT,
        outbox_table.c.attempts >= bindparam("most_attempts"),
    )
    .values(
        status=DEAD,
        finished_at=AT,
        lease_token=None,
        lease_expires_at=None,
        last_error=func.coalesce(
            "the worker process ended in its last attempt; before that: "
            + outbox_table.c.last_error,
            bindparam("in_each", type_=Text),
        ),
        last_error_kind=ErrorKind.WORKER_DIED.value,
    )
    .returning(outbox_table.c.id)
)


def end_leases(
    connection: Connection, provider: ProviderName, worker: str, *, chance: Random, now: datetime
) -> int:
    """Ends the leases of a worker that is known to be dead; returns how many.

    The attempts stay counted, and each delivery waits as after any failed attempt: one of the deliveries may
    have killed the worker, and would kill the next worker before the others are delivered.
    """
    by_worker = exists().where(
        attempts_table.c.delivery_id == outbox_table.c.id,
        attempts_table.c.lease_token == outbox_table.c.lease_token,
        attempts_table.c.worker == worker,
    )
    held = connection.execute(
        select(outbox_table.c.id, outbox_table.c.lease_token, outbox_table.c.attempts).where(
            outbox_table.c.provider == provider, outbox_table.c.lease_expires_at > now, by_worker
        )
    ).all()
    for row in held:
        connection.execute(
            update(outbox_table)
            .where(outbox_table.c.id == row.id, outbox_table.c.lease_token == row.lease_token)
            .values(lease_expires_at=now, due_at=now + retry_delay(row.attempts, chance))
        )
    return len(held)


def bury_exhausted(
    connection: Connection, provider: ProviderName, *, max_attempts: int, now: datetime
) -> list[int]:
    """Makes deliveries dead whose worker died in the last attempt that they have; returns their ids."""
    in_each = f"the worker process ended in each of {max_attempts} attempts"
    asked = {"of_provider": provider, "at": now, "most_attempts": max_attempts, "in_each": in_each}
    buried = [row.id for row in connection.execute(_BURY, asked)]
    for _ in buried:
        counters.count_attempt(connection, provider, DEAD, ErrorKind.WORKER_DIED.value)
    if buried:
        sweep_again(connection, buried)  # the worker may have died days ago
    return buried


def correct_times(
    connection: Connection, *, now: datetime, longest_wait: timedelta = LONGEST_DELAY
) -> None:
    """Corrects times that lie too far ahead, after the clock was set back.

    What is due later than `longest_wait` from now becomes due now: deliveries, probes, missing evidence, what
    a webhook is told. No lease ends later than a new one would; what is told of a provider is of now.
    Samples of a time to come are forgotten, and a webhook tells from now on. What was swept, by that clock,
    is swept again. A create that was attempted in the future is the next claim's to correct.

    `now` is read within the transaction: a process that stood still before its turn to write would take a
    lease that was claimed meanwhile for one that lies ahead.
    """
    pending = outbox_table.c.status == PENDING
    for column, latest, corrected in (
        (outbox_table.c.due_at, now + longest_wait, now),
        (outbox_table.c.lease_expires_at, now + LEASE, now + LEASE),
    ):
        connection.execute(
            update(outbox_table).where(pending, column > latest).values({column: corrected})
        )
    for column in _WAITS:
        late = update(column.table).where(column > now + longest_wait)
        connection.execute(late.values({column: now}))
    for column in _TOLD_OF_PROVIDERS:
        connection.execute(update(provider_table).where(column > now).values({column: now}))
    swept, until = provider_table.c.swept_until, now - SUSPECT_FOR
    connection.execute(update(provider_table).where(swept > until).values(swept_until=until))
    events, samples = webhook_events_table, provider_samples_table
    connection.execute(update(events).where(events.c.created_at > now).values(created_at=now))
    connection.execute(delete(samples).where(samples.c.at > now))


def reopen(
    connection: Connection, provider: ProviderName, key: str, reason: str, now: datetime
) -> bool:
    """Makes a delivered delivery pending again, because its run is no longer complete at the provider.

    Returns:
        Whether such a delivery exists and its result still has a payload to send.
    """
    delivered = select(outbox_table.c.id).where(
        outbox_table.c.provider == provider,
        outbox_table.c.delivery_key == key,
        outbox_table.c.status == DELIVERED,
        ~is_away(),  # the site that delivered it looks after it
    )
    kept = keep_payloads_of(connection, [*connection.execute(delivered).scalars()])
    reopened = connection.execute(
        update(outbox_table)
        .where(outbox_table.c.id.in_(kept), outbox_table.c.status == DELIVERED)
        .values(
            status=PENDING,
            attempts=0,
            due_at=now,
            finished_at=None,
            evidence_due_at=None,
            last_error=reason,
            last_error_kind=ErrorKind.INCOMPLETE.value,
        )
    )
    return bool(reopened.rowcount)


def note_deleted(connection: Connection, provider: ProviderName, key: str) -> bool:
    """Records that the run of a delivered delivery was deleted at the provider; the delivery stays delivered.

    Returns:
        Whether that was not known before.
    """
    noted = connection.execute(
        update(outbox_table)
        .where(
            outbox_table.c.provider == provider,
            outbox_table.c.delivery_key == key,
            outbox_table.c.status == DELIVERED,
            outbox_table.c.last_error_kind.is_(None),
        )
        .values(
            last_error="it was deleted there after its delivery",
            last_error_kind=ErrorKind.RUN_DELETED.value,
        )
    )
    return bool(noted.rowcount)


def note_abandoned(connection: Connection, provider: ProviderName, key: str, run_id: str) -> bool:
    """Records the run that is left of a delivery that is given up; each other run is a second one then.

    Nothing is recorded of a delivery that has travelled: another run may be what another site is making.

    Returns:
        Whether the delivery is given up, and no other run is recorded.
    """
    of = outbox_table.c
    noted = connection.execute(
        update(outbox_table)
        .where(
            of.provider == provider,
            of.delivery_key == key,
            of.status.in_((DEAD, DISCARDED)),
            or_(of.run_id.is_(None), of.run_id == run_id),
        )
        .values(run_id=case((has_travelled(), of.run_id), else_=run_id))
    )
    return bool(noted.rowcount)
