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
    rows = connection.execute(
        select(outbox_table.c.id, outbox_table.c.result_id)
        .where(outbox_table.c.provider == UNDECIDED, outbox_table.c.status == PENDING)
        .order_by(outbox_table.c.id)
        .limit(MOST_IDS)
    ).all()
    kept = keep_payloads(connection, [row.result_id for row in rows])
    enqueue(connection, kept, providers, now)
    connection.execute(delete(outbox_table).where(outbox_table.c.id.in_([row.id for row in rows])))
    return len(rows)
