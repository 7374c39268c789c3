"""A backend of many: saves results in PostgreSQL one by one, as we do or through raw psycopg."""

from __future__ import annotations

from functools import cache

import psycopg

from fairmind_sync.settings import Settings
from fairmind_sync.storage.postgresql import SCHEMA
from tests.benchmarks.peers import order
from tests.benchmarks.raw_server import Connection, insert_one
from tests.benchmarks.saving import save


def write(url: str, first: int, count: int, *, raw: bool) -> None:
    for number in range(first, first + count):
        if raw:
            insert_one(_connection(url), number)
        else:
            save(_settings(url), [number])


@cache
def _settings(url: str) -> Settings:
    return Settings(provider="both", database_url=url)


@cache
def _connection(url: str) -> Connection:
    connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
    connection.execute(f"SET search_path TO {SCHEMA}".encode())
    return connection


if __name__ == "__main__":
    order.take(write)
