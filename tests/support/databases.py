"""A database as a test looks into it: its rows, its own engine, its query plans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, select, text

from fairmind_sync.settings import Settings
from fairmind_sync.storage import postgresql
from fairmind_sync.storage.engine import is_file, open_engine, reading
from fairmind_sync.storage.schema import ready_engine


def rows(engine: Engine, table: Table) -> list[Row[Any]]:
    """The whole table, oldest row first."""
    with reading(engine) as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)))


def store_of(settings: Settings) -> Engine:
    """The process's own engine for the settings' database, which has today's schema then."""
    return ready_engine(settings.database_url)


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine that nobody else has, closed at the end of the block."""
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def plain_sql(engine: Engine) -> Iterator[Connection]:
    """A transaction whose statements need not name our schema."""
    with engine.begin() as connection:
        if not is_file(engine):
            connection.exec_driver_sql(f"SET LOCAL search_path TO {postgresql.SCHEMA}")
        yield connection


def is_waiting(engine: Engine) -> bool:
    """A session waits for another one's lock."""
    look = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with engine.connect() as connection:
        return bool(connection.execute(look).scalar_one())


def place_of(engine: Engine) -> str | None:
    """The schema of our tables; a file has none."""
    return None if is_file(engine) else postgresql.SCHEMA


def plan(engine: Engine, statement: str, parameters: Any = ()) -> str:
    """How the database finds the rows, where it reads no whole table: with which index."""
    with plain_sql(engine) as connection:
        if is_file(engine):
            explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            explained = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        return "\n".join(str(row[-1]) for row in explained)
