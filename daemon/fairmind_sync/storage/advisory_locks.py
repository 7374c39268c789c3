"""Advisory locks by name, for transactions on all hosts: PostgreSQL's own; in SQLite, which has one writer at
a time, they do nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from fairmind_sync.storage import postgresql
from fairmind_sync.storage.engine import is_file, translated_errors


def advisory_lock(connection: Connection, what: str) -> None:
    """Takes the lock named `what` until the transaction ends; waits while another transaction has the lock.

    Call it inside `writing`, before a read on which a later write depends. In SQLite it does nothing: no two
    write transactions are open there at once.
    """
    if not is_file(connection.engine):
        postgresql.advisory_lock(connection, what)


@contextmanager
def try_advisory_lock(engine: Engine, what: str) -> Iterator[bool]:
    """Yields whether the block holds the lock named `what`, which only one block on all hosts can hold.

    In SQLite every block gets the lock: such a file has one daemon, and one writer at a time.
    """
    if is_file(engine):
        yield True
        return
    with translated_errors(engine), engine.connect() as connection:
        yield postgresql.try_advisory_lock(connection, what)
