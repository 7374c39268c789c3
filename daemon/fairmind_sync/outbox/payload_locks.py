"""Locks on results' rows, so that no payload is erased while somebody makes one of its deliveries pending.

Who makes a delivery pending and who erases a payload both lock the result's row first, and decide by a later
statement, which sees what the other has committed. In SQLite the locks are no statements: there is one writer
at a time anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from fairmind_sync.outbox.enqueuing import MOST_IDS
from fairmind_sync.storage.tables import outbox_table, results_table

_WHOLE = (results_table.c.deleted_at.is_(None), results_table.c.erased_at.is_(None))


def keep_payloads(connection: Connection, result_ids: Sequence[int]) -> list[int]:
    """Keeps payloads from being erased until the transaction ends; returns the results that have one."""
    kept: list[int] = []
    for first in range(0, len(result_ids), MOST_IDS):
        some = results_table.c.id.in_(result_ids[first : first + MOST_IDS])
        whole = select(results_table.c.id).where(some, *_WHOLE).order_by(results_table.c.id)
        kept += connection.execute(whole.with_for_update(read=True, key_share=True)).scalars()
    return kept


def keep_payloads_of(connection: Connection, delivery_ids: Sequence[int]) -> list[int]:
    """Does the same for the results of deliveries; returns the deliveries whose result has its payload."""
    of_result: dict[int, list[int]] = {}
    for first in range(0, len(delivery_ids), MOST_IDS):
        some = outbox_table.c.id.in_(delivery_ids[first : first + MOST_IDS])
        for row in connection.execute(
            select(outbox_table.c.id, outbox_table.c.result_id).where(some)
        ):
            of_result.setdefault(row.result_id, []).append(row.id)
    return [
        each
        for result_id in keep_payloads(connection, [*of_result])
        for each in of_result[result_id]
    ]


def lock_payloads(connection: Connection, result_ids: Sequence[int]) -> None:
    """Waits for whoever keeps the payloads; no delivery is added to them until the transaction ends."""
    some = select(results_table.c.id).where(results_table.c.id.in_(result_ids))
    connection.execute(some.order_by(results_table.c.id).with_for_update())
