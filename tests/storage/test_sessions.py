"""Sessions of a PostgreSQL server: they end, servers restart, and errors say what to do."""

from __future__ import annotations

import os
import random
import resource
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from fairmind_sync.errors import DiskFullError, StorageError
from fairmind_sync.outbox.saving import save_all
from fairmind_sync.storage import postgresql, schema
from fairmind_sync.storage.engine import open_engine, reading, reading_at_leisure, writing
from fairmind_sync.storage.tables import outbox_table as deliveries
from fairmind_sync.storage.tables import results_table
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import save
from tests.support.postgres import PostgresServer, postgres_server, session_limits

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
PASSWORD = "s3cret-of-nobody"  # noqa: S105 nobody's


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """One that a test may kill."""
    with postgres_server() as server:
        yield server


def end_all_sessions(postgres: PostgresServer) -> None:
    class Always(random.Random):
        def random(self) -> float:
            return 0.0

    postgres.end_sessions(Always())


@on_postgresql
def test_a_session_that_the_server_ended_is_replaced(
    engine: Engine, postgres: PostgresServer
) -> None:
    save(engine, "mlflow")
    end_all_sessions(postgres)
    assert save(engine, "mlflow").is_new


@on_postgresql
def test_a_session_that_ends_in_the_middle_stores_nothing(
    engine: Engine, postgres: PostgresServer
) -> None:
    def save_twice() -> None:
        with writing(engine) as connection:
            save_all(connection, [new_result()], ["mlflow"], NOW)
            end_all_sessions(postgres)
            save_all(connection, [new_result()], ["mlflow"], NOW)

    with pytest.raises(StorageError, match="can't be used"):
        save_twice()
    assert rows(engine, results_table) == []


def test_a_server_that_was_killed_and_is_back_is_used_again(own_server: PostgresServer) -> None:
    engine = open_engine(own_server.url(own_server.new_database_of_today()))
    save(engine, "mlflow")
    own_server.stop(signal.SIGKILL)
    own_server.start()
    save(engine, "mlflow")
    assert len(rows(engine, results_table)) == 2
    engine.dispose()


def test_a_server_that_is_away_is_an_error_that_says_so(own_server: PostgresServer) -> None:
    engine = open_engine(own_server.url(own_server.new_database_of_today()))
    own_server.stop()
    with pytest.raises(StorageError, match=r"(?s)can't be used: .*Check that its server runs"):
        save(engine, "mlflow")


def test_an_error_does_not_repeat_the_password(own_server: PostgresServer) -> None:
    url = make_url(own_server.url("nowhere")).set(password=PASSWORD)
    with pytest.raises(StorageError) as raised:
        schema.create_if_missing(open_engine(url))
    assert PASSWORD not in str(raised.value)


@on_postgresql
def test_a_full_disk_is_told(engine: Engine) -> None:
    class FullError(Exception):
        sqlstate = "53100"

    assert isinstance(postgresql.explained(engine, FullError("no space left")), DiskFullError)


@on_postgresql
def test_a_process_with_more_than_a_thousand_open_files_can_use_it(engine: Engine) -> None:
    """The limit of select(2), which a busy backend is beyond."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    engine.dispose()
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        for _ in range(1100):
            stack.enter_context(Path(os.devnull).open())
        assert rows(engine, deliveries) == []


@on_postgresql
def test_statements_are_prepared_by_a_server_that_is_asked_directly(engine: Engine) -> None:
    with reading(engine) as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.prepare_threshold == 5


@on_postgresql
def test_no_session_waits_for_ever(engine: Engine) -> None:
    assert session_limits(engine) == ["30s", "1min"]


@on_postgresql
def test_who_reads_at_leisure_may_idle_and_nobody_after(engine: Engine) -> None:
    with reading_at_leisure(engine) as connection:
        limit = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    assert (limit, session_limits(engine)) == ("0", ["30s", "1min"])


@on_postgresql
def test_reading_sees_one_state(engine: Engine) -> None:
    with reading(engine) as connection:
        before = len(connection.execute(results_table.select()).all())
        save(engine, "mlflow")
        after = len(connection.execute(results_table.select()).all())
    assert (before, after) == (0, 0)


@on_postgresql
def test_a_connection_that_read_can_write_again(engine: Engine) -> None:
    """The isolation of reads goes with them: a write must see what others committed since."""
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(reading(engine))
    with writing(engine) as connection:
        level = connection.execute(text("SHOW transaction_isolation")).scalar_one()
    assert level == "read committed"


def test_a_missing_driver_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_arguments: object, **_options: object) -> Engine:
        raise ModuleNotFoundError(name="psycopg")

    monkeypatch.setattr(postgresql, create_engine.__name__, missing)
    with pytest.raises(StorageError, match=r"pip install 'fairmind-sync\[postgres\]'"):
        open_engine("postgresql+psycopg://h/db")
