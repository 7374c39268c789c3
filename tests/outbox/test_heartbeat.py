"""A daemon's signs of life."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

import fairmind_sync
from fairmind_sync.outbox.heartbeat import INTERVAL, Heartbeat, any_alive
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import ALIVE_FOR, heartbeat_table
from tests.support.clock import NOW
from tests.support.databases import rows

pytestmark = pytest.mark.both_databases

MOMENT = timedelta(microseconds=1)


@pytest.fixture
def heart(engine: Engine) -> Heartbeat:
    """A daemon's that started just now."""
    heart = Heartbeat()
    start(engine, heart)
    return heart


def start(engine: Engine, heart: Heartbeat, now: datetime = NOW) -> None:
    with writing(engine) as connection:
        heart.start(connection, now)


def is_alive(engine: Engine, now: datetime) -> bool:
    with reading(engine) as connection:
        return any_alive(connection, now)


def test_nobody_is_alive_before_the_first_beat(engine: Engine) -> None:
    assert not is_alive(engine, NOW)


def test_a_daemon_is_alive_from_its_start(engine: Engine, heart: Heartbeat) -> None:
    assert is_alive(engine, NOW)


def test_a_daemon_may_miss_two_beats(engine: Engine, heart: Heartbeat) -> None:
    assert is_alive(engine, NOW + 3 * INTERVAL - MOMENT)


def test_a_daemon_that_misses_three_beats_is_not_alive(engine: Engine, heart: Heartbeat) -> None:
    assert not is_alive(engine, NOW + ALIVE_FOR)


def test_a_daemon_that_others_have_forgotten_is_alive_with_its_next_beat(
    engine: Engine, heart: Heartbeat
) -> None:
    two_days_later = NOW + timedelta(days=2)
    start(engine, Heartbeat(), two_days_later)
    with writing(engine) as connection:
        heart.beat(connection, two_days_later)
    seen = {row.daemon_id: row.seen_at for row in rows(engine, heartbeat_table)}
    assert seen[heart.daemon_id] == two_days_later


def test_a_beat_keeps_a_daemon_alive(engine: Engine, heart: Heartbeat) -> None:
    with writing(engine) as connection:
        heart.beat(connection, NOW + ALIVE_FOR)
    assert is_alive(engine, NOW + ALIVE_FOR)


def test_a_daemon_that_stopped_is_not_alive(engine: Engine, heart: Heartbeat) -> None:
    with writing(engine) as connection:
        heart.stop(connection)
    assert not is_alive(engine, NOW)


def test_the_end_of_one_daemon_is_not_the_end_of_another(engine: Engine, heart: Heartbeat) -> None:
    start(engine, Heartbeat())
    with writing(engine) as connection:
        heart.stop(connection)
    assert is_alive(engine, NOW)


def test_a_beat_is_one_daemons_only(engine: Engine, heart: Heartbeat) -> None:
    other = Heartbeat()
    start(engine, other)
    with writing(engine) as connection:
        other.beat(connection, NOW + INTERVAL)
    seen = {row.daemon_id: row.seen_at for row in rows(engine, heartbeat_table)}
    assert seen == {heart.daemon_id: NOW, other.daemon_id: NOW + INTERVAL}


def test_a_heartbeat_says_whose_it_is(engine: Engine, heart: Heartbeat) -> None:
    (row,) = rows(engine, heartbeat_table)
    assert (row.pid, row.version, row.started_at) == (os.getpid(), fairmind_sync.__version__, NOW)


def test_a_daemon_that_died_long_ago_is_forgotten(engine: Engine, heart: Heartbeat) -> None:
    later = Heartbeat()
    start(engine, later, NOW + timedelta(days=1) + MOMENT)
    assert [row.daemon_id for row in rows(engine, heartbeat_table)] == [later.daemon_id]


def test_a_daemon_that_died_lately_is_kept(engine: Engine, heart: Heartbeat) -> None:
    start(engine, Heartbeat(), NOW + timedelta(days=1))
    assert len(rows(engine, heartbeat_table)) == 2
