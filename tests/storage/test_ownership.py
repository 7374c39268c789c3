"""Databases that other programs use, too, and those in which our tables have their former place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, inspect, make_url, text
from sqlalchemy.exc import ProgrammingError

from fairmind_sync.clock import utc_now
from fairmind_sync.errors import SchemaError
from fairmind_sync.outbox.heartbeat import Heartbeat
from fairmind_sync.storage import former_place, schema
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.storage.tables import ALIVE_FOR, attempts_table, outbox_table
from tests.support.databases import opened, place_of, plain_sql, rows
from tests.support.deliveries import save
from tests.support.older_database import held_by, move_back
from tests.support.postgres import PostgresServer
from tests.support.second_project import SecondProject

BOTH = pytest.mark.both_databases
ON_A_SERVER = pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
FAIRMINDS = ("bias_test_results", "users")


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    with opened(empty_database_url) as engine:
        yield engine


@pytest.fixture
def former(engine: Engine) -> Engine:
    return former_of(engine)


def former_of(engine: Engine) -> Engine:
    """The last tables before the move, at their former place."""
    with schema.migrating(engine) as connection:
        command.downgrade(schema.alembic_config(connection), "0006")
    move_back(engine)
    return engine


def another(place: Path, url: str, *tables: str) -> SecondProject:
    """Another program's project in this database."""
    return SecondProject(place / "second", url, *tables)


@ON_A_SERVER
def test_a_database_that_another_program_made_takes_our_tables_beside_its_own(
    empty: Engine, empty_database_url: str, tmp_path: Path
) -> None:
    other = another(tmp_path, empty_database_url, *FAIRMINDS)
    other.upgrade("0001")
    schema.create_if_missing(empty)
    save(empty, "mlflow")
    other.upgrade()
    assert (other.version(), schema.revision(empty)) == ("0002", schema.HEAD)
    other.engine.dispose()


@ON_A_SERVER
def test_another_program_makes_its_tables_beside_ours(
    empty: Engine, empty_database_url: str, tmp_path: Path
) -> None:
    schema.create_if_missing(empty)
    save(empty, "mlflow")
    other = another(tmp_path, empty_database_url, *FAIRMINDS)
    other.upgrade()
    assert (other.version(), len(rows(empty, outbox_table))) == ("0002", 1)
    other.engine.dispose()


@ON_A_SERVER
def test_the_migrations_touch_none_of_another_programs_tables(
    empty: Engine, empty_database_url: str, tmp_path: Path
) -> None:
    other = another(tmp_path, empty_database_url, *FAIRMINDS)
    other.upgrade()
    schema.create_if_missing(empty)
    columns = inspect(empty).get_columns("bias_test_results", schema="public")
    assert [each["name"] for each in columns] == ["id"]
    other.engine.dispose()


@pytest.mark.parametrize("use", [schema.create_if_missing, lambda e: schema.upgrade(e, utc_now())])
def test_another_programs_file_is_refused_and_stays_as_it_is(
    tmp_path: Path, use: Callable[[Engine], object]
) -> None:
    file = tmp_path / "theirs.db"
    other = another(tmp_path, f"sqlite:///{file}", *FAIRMINDS)
    other.upgrade()
    other.engine.dispose()
    with opened(f"sqlite:///{file}") as engine:
        expected = "belongs to another program: it has the tables alembic_version, bias_test_results, users"
        with pytest.raises(
            SchemaError, match=f"{expected}.*Set FAIRMIND_SYNC_DATABASE_URL to a file"
        ):
            use(engine)
        assert {*inspect(engine).get_table_names()} == {"alembic_version", *FAIRMINDS}


def test_another_program_may_use_our_file(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    other = another(tmp_path, database_url, "users")
    other.upgrade()
    schema.create_if_missing(engine)
    save(engine, "mlflow")
    assert (other.version(), len(rows(engine, outbox_table))) == ("0001", 1)
    other.engine.dispose()


@ON_A_SERVER
def test_a_schema_of_that_name_that_is_another_programs_is_refused(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA fairmind_sync CREATE TABLE outbox (id int)")
    with pytest.raises(SchemaError, match="belongs to another program: it has the tables outbox"):
        schema.create_if_missing(empty)


@BOTH
def test_tables_at_their_former_place_are_moved_with_all_that_they_hold(former: Engine) -> None:
    before = held_by(former)
    schema.upgrade(former, utc_now())
    found = inspect(former)
    there = {*found.get_table_names()} - {*found.get_table_names(schema=place_of(former))}
    assert (held_by(former), schema.revision(former), there) == (before, schema.HEAD, set())


@BOTH
def test_what_was_moved_counts_its_deliveries_still(former: Engine) -> None:
    schema.upgrade(former, utc_now())
    save(former, "mlflow")
    with plain_sql(former) as connection:
        counted = connection.execute(text("SELECT sum(count) FROM delivery_counts")).scalar_one()
    assert counted == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_version_from_before_the_move_can_make_no_tables_of_its_own(former: Engine) -> None:
    schema.upgrade(former, utc_now())
    with (
        pytest.raises(ProgrammingError, match='relation "delivery_attempts" already exists'),
        former.begin() as old,
    ):
        attempts_table.create(old.execution_options(schema_translate_map={}))


@BOTH
def test_an_upgrade_that_moves_tables_is_refused_while_a_daemon_uses_them(engine: Engine) -> None:
    with writing(engine) as connection:
        Heartbeat().start(connection, current_time(engine))
    former_of(engine)
    with pytest.raises(
        SchemaError, match=r"a daemon .* uses them: process \d+ on .*Stop every daemon"
    ):
        schema.upgrade(engine, utc_now())
    assert schema.revision(engine) == "0006"


@BOTH
def test_a_daemon_that_was_killed_long_ago_holds_up_no_upgrade(engine: Engine) -> None:
    with writing(engine) as connection:
        Heartbeat().start(connection, current_time(engine) - ALIVE_FOR)
    former_of(engine)
    schema.upgrade(engine, utc_now())
    assert schema.revision(engine) == schema.HEAD


@BOTH
def test_a_producer_is_told_to_stop_everything_before_the_move(former: Engine) -> None:
    with pytest.raises(
        SchemaError, match=r"older schema 0006.*(Stop every daemon|Start the daemon)"
    ):
        schema.create_if_missing(former)


def test_numbered_revisions_of_another_program_are_not_taken_for_ours(tmp_path: Path) -> None:
    other = another(tmp_path, f"sqlite:///{tmp_path / 'theirs.db'}", "bias_test_results", "outbox")
    other.upgrade()
    with other.engine.connect() as connection:
        assert former_place.former_revision(connection) is None
    other.engine.dispose()


@pytest.fixture
def as_a_poor_role(empty: Engine) -> Iterator[Engine]:
    """Of a role that may connect, and no more."""
    with empty.begin() as connection:
        connection.exec_driver_sql('CREATE ROLE "a poor role" LOGIN')
    url = make_url(str(empty.url)).set(username="a poor role")
    with opened(url.render_as_string(hide_password=False)) as engine:
        yield engine
    with empty.begin() as connection:
        connection.exec_driver_sql('DROP OWNED BY "a poor role"; DROP ROLE "a poor role"')


def told_statement(engine: Engine) -> str:
    """What the database's owner has to run, as the refusal says it."""
    with pytest.raises(SchemaError, match="owner has to run: ") as refused:
        schema.create_if_missing(engine)
    return str(refused.value).split("has to run: ")[1]


@ON_A_SERVER
def test_a_role_that_may_not_make_a_schema_gets_the_statement_that_helps(
    empty: Engine, as_a_poor_role: Engine
) -> None:
    statement = told_statement(as_a_poor_role)
    with empty.begin() as connection:
        connection.exec_driver_sql(statement)
    schema.create_if_missing(as_a_poor_role)
    assert schema.revision(as_a_poor_role) == schema.HEAD


@ON_A_SERVER
def test_a_role_that_may_not_use_the_schema_gets_the_statement_that_helps(
    empty: Engine, as_a_poor_role: Engine
) -> None:
    with empty.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA fairmind_sync")
    statement = told_statement(as_a_poor_role)
    with empty.begin() as connection:
        connection.exec_driver_sql(statement)
    schema.create_if_missing(as_a_poor_role)
    assert schema.revision(as_a_poor_role) == schema.HEAD


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "WIN1252"])
def test_a_database_that_holds_not_every_character_is_refused(
    postgres: PostgresServer, encoding: str
) -> None:
    name = f"encoded_{encoding.lower()}"
    with postgres.connect() as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0".encode()
        )
    with opened(postgres.url(name)) as engine:
        with pytest.raises(
            SchemaError, match=f"encoding {encoding}, .*CREATE DATABASE fairmind_sync ENC"
        ):
            schema.create_if_missing(engine)
        assert schema.revision(engine) is None
    postgres.drop(name)


def test_the_first_use_of_a_database_says_nothing_in_the_hosts_log(
    empty_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    schema.ready_engine(empty_database_url)
    assert [each.name for each in caplog.records if each.name.startswith("alembic")] == []
