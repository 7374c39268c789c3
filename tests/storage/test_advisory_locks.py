"""Advisory locks of PostgreSQL: one at a time, on whichever host."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from fairmind_sync.storage.advisory_locks import advisory_lock, try_advisory_lock
from fairmind_sync.storage.engine import reading, writing

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@on_postgresql
def test_only_one_gets_in(engine: Engine) -> None:
    with try_advisory_lock(engine, "tidy") as first, try_advisory_lock(engine, "tidy") as second:
        assert (first, second) == (True, False)


@on_postgresql
def test_another_gets_in_afterwards(engine: Engine) -> None:
    with try_advisory_lock(engine, "tidy"):
        pass
    with try_advisory_lock(engine, "tidy") as is_ours:
        assert is_ours


@on_postgresql
def test_what_is_another_matter_gets_in(engine: Engine) -> None:
    with try_advisory_lock(engine, "tidy"), try_advisory_lock(engine, "prune") as is_ours:
        assert is_ours


@on_postgresql
def test_turns_are_taken(engine: Engine) -> None:
    """Who reads first and then writes what follows from that reads what the one before wrote."""
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE counter AS SELECT 0 AS n"))
    start = threading.Barrier(4)

    def count_up(_number: int) -> None:
        start.wait()
        for _ in range(25):
            with writing(engine) as connection:
                advisory_lock(connection, "counter")
                counted = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": counted + 1})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count_up, range(4)))
    with reading(engine) as connection:
        assert connection.execute(text("SELECT n FROM counter")).scalar_one() == 100
