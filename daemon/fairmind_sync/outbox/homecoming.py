"""Records what another site's receipts say of deliveries that were
handed over to it: delivered, dead, or no news.

'Delivered' always counts, and stays. Of other outcomes the newest counts, by the sequence of the receipts, as
long as that site still has the delivery, and knows of the newest hand-over; so it is with the state of a
delivered run's evidence, which that site looks after. Each function runs inside the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from fairmind_sync.outbox.arrivals import ToldOutcome
from fairmind_sync.outbox.claims import NO_LEASE
from fairmind_sync.outbox.payload_locks import keep_payloads_of
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.states import DEAD, DELIVERED, DISCARDED, HANDED_OVER, PENDING
from fairmind_sync.storage.tables import hand_overs_table, outbox_table, results_table

COUNTED = ("delivered", "dead", "unchanged", "under_way", "never_handed_over", "unknown")
"""What `hear` counts; `deleted` besides: those among the delivered whose result was deleted here."""


def hear(
    connection: Connection,
    site: str,
    site_name: str,
    sequence: int,
    told: Sequence[ToldOutcome],
    now: datetime,
) -> Counter[str]:
    """Records the outcomes; returns how many deliveries each kind of `COUNTED` has.

    `never_handed_over` are deliveries of this database that the site never had from it, `unknown` those that
    aren't here at all: nothing is changed for either. `under_way` are those that are being sent from here at
    this moment, after they were taken back: the same receipts can be read again later.
    """
    rows = {row.delivery_key: row for row in _locked(connection, site, told)}
    counts: Counter[str] = Counter()
    for one in told:
        row = rows.get(one.key)
        if row is None or row.provider != one.provider:
            counts["unknown"] += 1
        elif row.epoch is None:
            counts["never_handed_over"] += 1
        else:
            counts[_hear_one(connection, site_name, sequence, one, row, now)] += 1
            _note_heard(connection, site, sequence, one, row, now)
            counts["deleted"] += row.deleted_at is not None and one.state == DELIVERED
    return counts


def _locked(connection: Connection, site: str, told: Sequence[ToldOutcome]) -> Sequence[Row[Any]]:
    """Locks the deliveries, and before them their payloads; returns them as they are, and are to stay.

    They are read by a last statement: one that waits for a lock sees hand-overs as they were before.
    """
    of = outbox_table.c
    known = select(of.id).where(of.delivery_key.in_([one.key for one in told])).order_by(of.id)
    keep_payloads_of(connection, connection.execute(known).scalars().all())
    ids = connection.execute(known.with_for_update()).scalars().all()
    return connection.execute(_with_hand_overs(site).where(of.id.in_(ids))).all()


def _with_hand_overs(site: str) -> Select[Any]:
    of = hand_overs_table.c
    return (
        select(
            outbox_table.c.id,
            outbox_table.c.delivery_key,
            outbox_table.c.provider,
            outbox_table.c.status,
            outbox_table.c.lease_expires_at,
            results_table.c.deleted_at,
            results_table.c.erased_at,
            of.epoch,
            of.taken_back_at,
            of.heard_sequence,
        )
        .join_from(outbox_table, results_table)
        .outerjoin(hand_overs_table, (of.delivery_id == outbox_table.c.id) & (of.site == site))
    )


def _hear_one(
    connection: Connection,
    site_name: str,
    sequence: int,
    told: ToldOutcome,
    row: Row[Any],
    now: datetime,
) -> str:
    is_news = row.taken_back_at is None and sequence > row.heard_sequence
    if row.status == DELIVERED:
        if is_news and told.state == DELIVERED:
            _hear_of_evidence(connection, row, told)
        return "unchanged"
    if told.state == DELIVERED:
        if row.lease_expires_at is not None and row.lease_expires_at > now:
            return "under_way"
        _deliver(connection, row, told, now)
        return "delivered"
    if not is_news or told.epoch < row.epoch:
        return "unchanged"
    if row.status == HANDED_OVER and told.state in (DEAD, DISCARDED):
        _bury(connection, row.id, site_name, told, now)
        return "dead"
    if row.status == DEAD and told.state == PENDING:
        _go_on_there(connection, row.id)
    return "unchanged"


def _go_on_there(connection: Connection, delivery_id: int) -> None:
    """Records that the site delivers again what had died there: somebody has retried it there."""
    connection.execute(
        update(outbox_table)
        .where(outbox_table.c.id == delivery_id)
        .values(status=HANDED_OVER, finished_at=None)
    )


def _deliver(connection: Connection, row: Row[Any], told: ToldOutcome, now: datetime) -> None:
    """Records the run with the id and the URL that the other site has recorded."""
    connection.execute(
        update(outbox_table)
        .where(outbox_table.c.id == row.id)
        .values(
            status=DELIVERED,
            finished_at=min(told.finished_at or now, now),
            run_id=told.run_id,
            run_url=told.run_url,
            destination=told.destination,
            last_error=None,
            last_error_kind=None,
            **_evidence(row, told),
            **NO_LEASE,
        )
    )


def _hear_of_evidence(connection: Connection, row: Row[Any], told: ToldOutcome) -> None:
    """Records what became of the evidence of the run that is on record."""
    connection.execute(
        update(outbox_table)
        .where(outbox_table.c.id == row.id, outbox_table.c.run_id == told.run_id)
        .values(_evidence(row, told))
    )


def _evidence(row: Row[Any], told: ToldOutcome) -> dict[str, Any]:
    """Returns what a delivery's row holds of evidence that is tried at the other site, and never here.

    Words that may repeat an erased result are left out.
    """
    is_whole = row.deleted_at is None and row.erased_at is None
    return {
        "evidence_state": told.evidence_state,
        "evidence_reason": told.evidence_reason if is_whole else None,
        "evidence_due_at": None,
    }


def _bury(
    connection: Connection, delivery_id: int, site_name: str, told: ToldOutcome, now: datetime
) -> None:
    """Records that it ended here and now: whoever is told of what died lately hears of it."""
    words = told.error or "no reason was given"
    how = "given up" if told.state == DISCARDED else "dead"
    attempted = outbox_table.c.create_attempted_at
    connection.execute(
        update(outbox_table)
        .where(outbox_table.c.id == delivery_id)
        .values(
            status=DEAD,
            finished_at=now,
            last_error=f"{how} at {site_name}: {words}",
            last_error_kind=told.error_kind or ErrorKind.UNEXPECTED.value,
            create_attempted_at=func.coalesce(attempted, now) if told.was_tried else attempted,
        )
    )


def _note_heard(
    connection: Connection,
    site: str,
    sequence: int,
    told: ToldOutcome,
    row: Row[Any],
    now: datetime,
) -> None:
    if sequence <= row.heard_sequence:
        return
    of = hand_overs_table.c
    connection.execute(
        update(hand_overs_table)
        .where(of.delivery_id == row.id, of.site == site)
        .values(heard_epoch=told.epoch, heard_sequence=sequence, heard_at=now)
    )
