"""Replaces deliveries to 'undecided' by ones to the enabled
providers, in the database; `relay/decision.py` says when.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select

from fairmind_sync.outbox.enqueuing import MOST_IDS, enqueue
from fairmind_sync.outbox.payload_locks import keep_payloads
from fairmind_sync.provider_names import UNDECIDED, ProviderName
from fairmind_sync.results.states import PENDING
from fairmind_sync.storage.tables import outbox_table


def decide(connection: Connection, providers: Sequence[ProviderName], now: datetime) -> int:
    """Replaces some of the undecided deliveries by one to each of the providers, if the result has none yet.

    Returns:
        How many deliveries were undecided and are no longer; 0 when none is left.
    """
    of = outbox_table.c
    undecided = (
        select(of.id, of.result_id)
        .where(of.provider == UNDECIDED, of.status == PENDING)
        .order_by(of.id)
    )
    found = connection.execute(undecided.limit(MOST_IDS)).all()
    kept = {*keep_payloads(connection, [row.result_id for row in found])}
    # Locked after the results, as by whoever deletes one; what is given up meanwhile is no longer among them.
    still = undecided.where(of.id.in_([row.id for row in found])).with_for_update()
    rows = connection.execute(still).all()
    owed = [row.result_id for row in rows if row.result_id in kept]
    enqueue(connection, owed, providers, now)
    connection.execute(delete(outbox_table).where(of.id.in_([row.id for row in rows])))
    return len(rows)
