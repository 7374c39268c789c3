"""The time is the server's, whatever the hosts' clocks say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from fairmind_sync.storage import engine as opening
from fairmind_sync.storage import postgresql
from fairmind_sync.storage.engine import current_time
from tests.support.clock import NOW
from tests.support.postgres import PostgresServer

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
MINUTE = timedelta(minutes=1)


@on_postgresql
def test_the_time_is_the_servers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, postgres: PostgresServer
) -> None:
    monkeypatch.setattr(opening, "utc_now", lambda: NOW - timedelta(days=365))
    with postgres.connect() as connection:
        (server_time,) = connection.execute("SELECT clock_timestamp()").fetchone() or ()
    assert abs(current_time(engine) - server_time) < MINUTE


@on_postgresql
def test_the_time_goes_on_between_two_questions(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = postgresql.Clock()
    first = clock.now(engine)
    steady = postgresql._steady_s()
    monkeypatch.setattr(postgresql, "_steady_s", lambda: steady + 4)
    assert timedelta(seconds=3) < clock.now(engine) - first < timedelta(seconds=5)


@on_postgresql
def test_the_time_is_asked_for_again_after_a_while(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that slept, or a server that another one took over from."""
    clock = postgresql.Clock()
    first = clock.now(engine)
    steady = postgresql._steady_s()
    monkeypatch.setattr(postgresql, "_steady_s", lambda: steady + 3600)
    assert clock.now(engine) - first < MINUTE
