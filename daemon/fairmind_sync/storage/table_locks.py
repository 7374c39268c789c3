"""Locks on all of our tables in PostgreSQL, which an upgrade takes without a deadlock."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from fairmind_sync.errors import SchemaError
from fairmind_sync.storage import postgresql
from fairmind_sync.storage.url import shown

_MOST_TRIES = 1000


def lock_all(connection: Connection, tables: Sequence[str]) -> None:
    """Has the transaction be the only one that uses the tables, from here to its end.

    Others take the same locks in any order, each as it needs them. So this transaction never waits for a
    table while it holds another one: it waits for one table alone, takes the others only if they are free,
    and else lets go of all and waits for the one that was not.

    Raises:
        SchemaError: others never stopped using the tables.
    """
    busy = tables[0] if tables else None
    for _ in range(_MOST_TRIES):
        if busy is None:
            return
        busy = _first_busy(connection, busy, tables)
    if busy is not None:
        raise _in_use(connection, busy)


def _first_busy(connection: Connection, awaited: str, tables: Sequence[str]) -> str | None:
    """Locks the tables; or returns the one that others use, with no lock taken."""
    attempt = connection.begin_nested()
    if not _is_locked(connection, awaited):
        raise _in_use(connection, awaited)
    for table in tables:
        if not _is_locked(connection, table, "NOWAIT"):
            attempt.rollback()
            return table
    attempt.commit()
    return None


def _is_locked(connection: Connection, table: str, how: str = "") -> bool:
    try:
        connection.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE {how}")
    except DBAPIError as error:
        if postgresql.is_taken(error):
            return False
        raise
    return True


def _in_use(connection: Connection, table: str) -> SchemaError:
    return SchemaError(
        f"{shown(connection.engine.url)} is not upgraded: other programs use the table {table} all the time. "
        "Nothing was changed. Stop what reads or saves much there, a pg_dump for instance, and upgrade again."
    )
