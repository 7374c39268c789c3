"""Advisory locks: PostgreSQL's own; a SQLite file has one writer anyway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from fairmind_sync.storage import postgresql
from fairmind_sync.storage.engine import is_file, translated_errors


def advisory_lock(connection: Connection, what: str) -> None:
    """Inside `writing`: whoever says the same waits here, until this transaction ends.

    For what reads first and writes what follows from that. In SQLite all writers take turns anyway.
    """
    if not is_file(connection.engine):
        postgresql.advisory_lock(connection, what)


@contextmanager
def try_advisory_lock(engine: Engine, what: str) -> Iterator[bool]:
    """Whether nobody else, on any host, is in such a block; then nobody else gets in during this one.

    A SQLite file has one daemon; what two of them do there, they do in turns.
    """
    if is_file(engine):
        yield True
        return
    with translated_errors(engine), engine.connect() as connection:
        yield postgresql.try_advisory_lock(connection, what)
