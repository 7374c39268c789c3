"""Who is told of a commit on PostgreSQL: each daemon that may have something to do, and no other."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any, TypeAlias

import psycopg
import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import StorageError
from fairmind_sync.outbox import provider_state, retry_discard
from fairmind_sync.outbox.saving import save_all
from fairmind_sync.storage import postgresql
from fairmind_sync.storage.commit_watch import CommitWatch
from fairmind_sync.storage.engine import writing
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.deliveries import claim, dead, save
from tests.support.postgres import PostgresServer
from tests.support.processes import eventually

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
MINUTE = timedelta(minutes=1)
Listening: TypeAlias = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def watch(engine: Engine) -> Iterator[CommitWatch]:
    with closing(CommitWatch(engine)) as watch:
        yield watch


def end_all_sessions(postgres: PostgresServer) -> None:
    class Always(random.Random):
        def random(self) -> float:
            return 0.0

    postgres.end_sessions(Always())


@pytest.fixture
def listener(engine: Engine, postgres: PostgresServer) -> Iterator[Listening]:
    with postgres.connect(str(engine.url.database)) as connection:
        connection.execute(f"LISTEN {postgresql.CHANNEL}")
        yield connection


def is_told(listener: Listening) -> bool:
    """What is sent after it is heard after it: at the mark, the rest must have come."""
    listener.execute(f"NOTIFY {postgresql.CHANNEL}, 'mark'")
    heard = []
    while "mark" not in heard:
        heard += [one.payload for one in listener.notifies(timeout=10, stop_after=1)]
    return len(heard) > 1


@on_postgresql
def test_daemons_are_told_of_a_save(engine: Engine, listener: Listening) -> None:
    save(engine, "mlflow")
    assert is_told(listener)


@on_postgresql
def test_they_are_told_of_a_retry(engine: Engine, listener: Listening) -> None:
    delivery = dead(engine)
    is_told(listener)
    with writing(engine) as connection:
        retry_discard.retry(connection, [delivery.id], NOW)
    assert is_told(listener)


@on_postgresql
def test_they_are_told_of_a_resumed_provider(engine: Engine, listener: Listening) -> None:
    with writing(engine) as connection:
        provider_state.pause(connection, "mlflow", NOW)
    is_told(listener)
    with writing(engine) as connection:
        provider_state.resume(connection, "mlflow", NOW)
    assert is_told(listener)


@on_postgresql
def test_they_are_not_told_of_what_gives_them_nothing_to_do(
    engine: Engine, listener: Listening
) -> None:
    save(engine, "mlflow")
    is_told(listener)
    claim(engine)
    assert not is_told(listener)


@on_postgresql
def test_of_saves_at_once_one_tells(engine: Engine, listener: Listening) -> None:
    """Else each would keep the others from committing."""
    with writing(engine) as connection:
        save_all(connection, [new_result()], ["mlflow"], NOW)
        save(engine, "mlflow")
        is_told_early = is_told(listener)
    assert (is_told_early, is_told(listener)) == (False, True)


@on_postgresql
def test_a_watch_notices_a_save(engine: Engine, watch: CommitWatch) -> None:
    save(engine, "mlflow")
    assert eventually(watch.has_changed)


@on_postgresql
def test_a_watch_has_a_second_look_for_those_that_did_not_tell(
    engine: Engine, watch: CommitWatch
) -> None:
    save(engine, "mlflow")
    eventually(watch.has_changed)
    assert eventually(watch.has_changed)


@on_postgresql
def test_the_second_look_comes_half_a_second_later_by_the_clock_that_was_given(
    engine: Engine,
) -> None:
    seconds = [0.0]

    def is_told_at(later: float) -> bool:
        seconds[0] = later
        return by_clock.has_changed()

    with closing(CommitWatch(engine, lambda: seconds[0])) as by_clock:
        save(engine, "mlflow")
        eventually(by_clock.has_changed)
        told = [is_told_at(later) for later in (0.4, 0.5, 0.6)]
    assert told == [False, True, False]


@on_postgresql
def test_a_watch_is_silent_after_that(engine: Engine, watch: CommitWatch) -> None:
    save(engine, "mlflow")
    eventually(watch.has_changed)
    eventually(watch.has_changed)
    assert not watch.has_changed()


@on_postgresql
def test_a_watch_that_lost_its_session_says_so(
    watch: CommitWatch, postgres: PostgresServer
) -> None:
    end_all_sessions(postgres)
    with pytest.raises(StorageError, match="can't be used"):
        eventually(watch.has_changed)
