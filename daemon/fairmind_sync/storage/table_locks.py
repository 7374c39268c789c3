"""Locks all of our tables in PostgreSQL for an upgrade, without a deadlock with those who use them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from fairmind_sync.errors import SchemaError
from fairmind_sync.storage import postgresql
from fairmind_sync.storage.url import shown

_MOST_TRIES = 1000
_A_TRY_S, _PAUSE_S = 0.05, 0.001
"""Seconds for which a try keeps what it has locked, and between two looks at what it has not."""


def lock_all(connection: Connection, tables: Sequence[str]) -> None:
    """Has the transaction be the only one that uses the tables, from here to its end.

    Others take the same locks in any order, each as it needs them. So this transaction never waits for a
    table while it holds another one: it waits for one table alone, then takes the others as they become free,
    without a wait that the server knows of. If one doesn't soon, its user may wait for what is locked here:
    all is let go, and that one is waited for.

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
    """Locks the tables; or returns one that others went on using, with no lock taken."""
    attempt = connection.begin_nested()
    if not _is_locked(connection, awaited):
        raise _in_use(connection, awaited)
    end = time.monotonic() + _A_TRY_S
    for table in tables:
        while not _is_locked(connection, table, "NOWAIT"):
            if time.monotonic() > end:
                attempt.rollback()
                return table
            time.sleep(_PAUSE_S)
    attempt.commit()
    return None


def _is_locked(connection: Connection, table: str, how: str = "") -> bool:
    """Returns whether the table is locked now; what was locked before stays so."""
    try:
        with connection.begin_nested():
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
