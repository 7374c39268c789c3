"""Erases what providers said (errors, reasons) of results whose
payload is erased: such words may repeat the payload.
"""

from __future__ import annotations

from sqlalchemy import Connection, Select, or_, select, update

from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.tables import attempts_table, outbox_table


def erase_words(connection: Connection, results: Select[tuple[int]]) -> None:
    """Erases the words about the results that the query finds; their kinds, and reasons of ours, stay."""
    of = outbox_table.c
    connection.execute(
        update(attempts_table)
        .where(
            attempts_table.c.error.is_not(None),
            attempts_table.c.delivery_id.in_(select(of.id).where(of.result_id.in_(results))),
        )
        .values(error=None)
    )
    connection.execute(
        update(outbox_table)
        .where(
            of.result_id.in_(results),
            of.last_error.is_not(None),
            or_(of.last_error_kind.is_(None), of.last_error_kind != ErrorKind.DISCARDED.value),
        )
        .values(last_error=None)
    )
    connection.execute(
        update(outbox_table)
        .where(of.result_id.in_(results), of.evidence_reason.is_not(None))
        .values(evidence_reason=None)
    )
