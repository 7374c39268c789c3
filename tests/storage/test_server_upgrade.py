"""An upgrade of a PostgreSQL database: when its operator says so, and without a copy."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, text

from fairmind_sync.errors import SchemaError
from fairmind_sync.storage import former_place, ownership, schema, table_locks
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.schema import migrating
from tests.support.clock import NOW
from tests.support.databases import is_waiting, opened
from tests.support.older_database import held_by, older_database
from tests.support.processes import eventually
from tests.support.races import at_once

pytestmark = pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)

IMPORTS = """
import sys
from datetime import UTC, datetime
from alembic import command
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import open_engine
engine = open_engine(sys.argv[1])
"""
UPGRADE = "schema.upgrade(engine, datetime.now(UTC)); print(schema.revision(engine))"


@pytest.fixture
def older(empty_database_url: str) -> Iterator[Engine]:
    """A database of the first version."""
    with older_database(empty_database_url) as engine:
        yield engine


def test_a_daemon_refuses_an_older_schema_with_advice(older: Engine) -> None:
    expected = r"older schema 0001, .* backup with pg_dump, then run 'fairmind-sync db upgrade'"
    with pytest.raises(SchemaError, match=expected):
        schema.upgrade_apart(older)


def test_what_a_daemon_refuses_stays_as_it_is(older: Engine) -> None:
    before = held_by(older)
    with pytest.raises(SchemaError):
        schema.upgrade_apart(older)
    assert (schema.revision(older), held_by(older)) == ("0001", before)


def test_no_copy_is_made(older: Engine) -> None:
    assert schema.upgrade(older, NOW) is None


def test_hosts_that_upgrade_at_once_all_succeed(older: Engine, empty_database_url: str) -> None:
    upgraded = at_once(IMPORTS, UPGRADE + "; engine.dispose()", *[[empty_database_url]] * 3)
    assert upgraded == [schema.HEAD] * 3


@pytest.fixture
def before_this_one(empty_database_url: str) -> Iterator[Engine]:
    """Of the version whose daemons may work while this version upgrades."""
    with opened(empty_database_url) as engine:
        schema.create_if_missing(engine)
        with migrating(engine) as connection:
            command.downgrade(schema.alembic_config(connection), "0007")
        yield engine


TABLES = ["bias_test_results", "outbox", "provider_state", "schema_support"]


def use(connection: Connection, table: str) -> None:
    connection.execute(text(f"LOCK TABLE fairmind_sync.{table} IN ROW EXCLUSIVE MODE"))


@pytest.mark.parametrize("first", TABLES)
def test_work_that_goes_on_loses_no_deadlock(before_this_one: Engine, first: str) -> None:
    """Whichever table it has already, and whichever it comes to next."""
    with ThreadPoolExecutor(1) as threads:
        with writing(before_this_one) as connection:
            use(connection, first)
            upgrade: Future[object] = threads.submit(schema.upgrade, before_this_one, NOW)
            eventually(lambda: upgrade.done() or is_waiting(before_this_one))
            for table in TABLES:
                use(connection, table)
        upgrade.result(timeout=240)
    assert schema.revision(before_this_one) == schema.HEAD


def test_an_upgrade_that_is_never_let_in_says_who_has_to_stop(
    before_this_one: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_locks, "_MOST_TRIES", 1)
    with writing(before_this_one) as connection:
        use(connection, "outbox")
        with pytest.raises(SchemaError, match=r"use the table fairmind_sync.outbox all the time"):
            schema.upgrade(before_this_one, NOW)
    assert schema.revision(before_this_one) == "0007"


def test_who_looks_while_the_tables_are_moved_looks_again(
    older: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = former_place.are_ours

    def look_and_wait(*place: object) -> bool:
        monkeypatch.undo()
        found = look(*place)  # type: ignore[arg-type]
        schema.upgrade(older, NOW)
        return found

    monkeypatch.setattr(former_place, "are_ours", look_and_wait)
    assert schema.revision(older) == schema.HEAD


def test_a_database_that_another_host_fills_meanwhile_belongs_to_no_other_program(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = ownership.revision

    def look_and_wait(connection: Connection) -> str | None:
        monkeypatch.undo()
        found = look(connection)
        schema.create_if_missing(connection.engine)
        return found

    monkeypatch.setattr(ownership, "revision", look_and_wait)
    with opened(empty_database_url) as engine:
        schema.create_if_missing(engine)
        assert schema.revision(engine) == schema.HEAD
