"""The schema: appears by itself, is what the migrations make, and follows one convention of names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, column, inspect, select, text

from fairmind_sync.storage import schema
from fairmind_sync.storage.schema import migrating
from fairmind_sync.storage.tables import metadata
from fairmind_sync.storage.version_table import VERSION_TABLE
from tests.support import forked
from tests.support.databases import opened, place_of, plain_sql
from tests.support.diagonals import some_of
from tests.support.full_database import fill
from tests.support.processes import PATIENCE_S
from tests.support.races import at_once

pytestmark = pytest.mark.both_databases

CHECKOUT = Path(__file__).parents[2]
ALEMBIC = f"import os; os.chdir({str(CHECKOUT)!r}); from alembic.config import main; main()"
OLDER = some_of([schema._KNOWN[0], schema._KNOWN[-2], *schema._KNOWN[1:-2]], 2)
"""The oldest schema, the one before today's, and those between them."""
INDEXES = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index'",
    "postgresql": (
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'fairmind_sync'"
        " AND tablename <> 'fairmind_sync_version'"
    ),
}


def alembic(*arguments: str, url: str) -> str:
    """What the alembic command prints, run by a developer in the checkout."""
    ran = forked.run(
        *(ALEMBIC, *arguments),
        env=os.environ | {"FAIRMIND_SYNC_DATABASE_URL": url},
        timeout=PATIENCE_S,
        work=forked.text,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def tables(url: str) -> set[str]:
    with opened(url) as engine:
        return set(inspect(engine).get_table_names(schema=place_of(engine)))


def shape(engine: Engine) -> dict[str, set[tuple[object, ...]]]:
    """Each table's columns, checks and keys, and all indexes; in an order of no importance."""
    found, of = inspect(engine), {"schema": place_of(engine)}
    parts: dict[str, set[tuple[object, ...]]] = {
        table: {
            *((c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table, **of)),
            *((c["name"], str(c["sqltext"])) for c in found.get_check_constraints(table, **of)),
            *((u["name"], *u["column_names"]) for u in found.get_unique_constraints(table, **of)),
            *((f["name"], str(f["options"])) for f in found.get_foreign_keys(table, **of)),
        }
        for table in metadata.tables
    }
    with plain_sql(engine) as connection:
        indexes = connection.exec_driver_sql(INDEXES[engine.dialect.name])
        return parts | {"indexes": {tuple(row) for row in indexes}}


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    with opened(empty_database_url) as engine:
        yield engine


def test_the_schema_appears_by_itself(empty_database_url: str) -> None:
    schema.ready_engine(empty_database_url)
    assert tables(empty_database_url) == {*metadata.tables, VERSION_TABLE}


def test_a_new_database_has_todays_revision(empty: Engine) -> None:
    schema.create_if_missing(empty)
    assert schema.revision(empty) == schema.HEAD


def test_an_empty_database_has_no_revision(empty: Engine) -> None:
    assert schema.revision(empty) is None


def test_a_database_is_made_ready_once_a_process(database_url: str) -> None:
    assert schema.ready_engine(database_url) is schema.ready_engine(database_url)


def test_todays_revision_is_the_migrations_head() -> None:
    script = ScriptDirectory.from_config(schema.alembic_config())
    assert script.get_current_head() == schema.HEAD


def test_every_migration_is_known() -> None:
    script = ScriptDirectory.from_config(schema.alembic_config())
    assert {each.revision for each in script.walk_revisions()} == set(schema._KNOWN)


def test_the_migrations_make_what_the_models_say(empty: Engine) -> None:
    for index in (index for table in metadata.sorted_tables for index in table.indexes):
        index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    with migrating(empty) as connection:
        metadata.create_all(connection)
    made = shape(empty)
    metadata.drop_all(empty)
    schema.create_if_missing(empty)
    assert shape(empty) == made


def test_every_constraint_and_index_follows_the_naming_convention(engine: Engine) -> None:
    found, of = inspect(engine), {"schema": place_of(engine)}
    named = [
        (prefix, table, constraint["name"])
        for table in metadata.tables
        for prefix, constraints in (
            ("ck", found.get_check_constraints(table, **of)),
            ("uq", found.get_unique_constraints(table, **of)),
            ("ix", found.get_indexes(table, **of)),
            ("fk", found.get_foreign_keys(table, **of)),
            ("pk", [found.get_pk_constraint(table, **of)]),
        )
        for constraint in constraints
        if "duplicates_constraint" not in constraint  # PostgreSQL's index for it
    ]
    wrong = [each for each in named if not str(each[2]).startswith(f"{each[0]}_{each[1]}")]
    assert (wrong, bool(named)) == ([], True)


def test_processes_that_create_the_same_database_at_once_all_succeed(
    empty_database_url: str,
) -> None:
    imports = "import sys\nfrom fairmind_sync.storage import schema\nfrom alembic import command"
    work = "print(schema.revision(schema.ready_engine(sys.argv[1])))"
    assert at_once(imports, work, *[[empty_database_url]] * 4) == [schema.HEAD] * 4


def test_alembic_upgrades_an_empty_database(empty_database_url: str) -> None:
    """As a process that is started: it finds our package by alembic.ini alone."""
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=CHECKOUT,
        env=os.environ | {"FAIRMIND_SYNC_DATABASE_URL": empty_database_url},
        timeout=PATIENCE_S,
        check=True,
    )
    assert tables(empty_database_url) == {*metadata.tables, VERSION_TABLE}


def test_alembic_finds_no_difference_to_the_models(database_url: str) -> None:
    alembic("upgrade", "head", url=database_url)
    assert "No new upgrade operations detected" in alembic("check", url=database_url)


def test_alembic_downgrades_to_nothing(database_url: str) -> None:
    alembic("upgrade", "head", url=database_url)
    alembic("downgrade", "base", url=database_url)
    assert tables(database_url) == {VERSION_TABLE}


def test_what_was_downgraded_to_nothing_is_created_again(database_url: str) -> None:
    alembic("upgrade", "head", url=database_url)
    alembic("downgrade", "base", url=database_url)
    assert schema.revision(schema.ready_engine(database_url)) == schema.HEAD


@pytest.mark.parametrize("older", OLDER)
def test_what_was_downgraded_is_upgraded_to_the_same(engine: Engine, older: str) -> None:
    before = shape(engine)
    with migrating(engine) as connection:
        command.downgrade(schema.alembic_config(connection), older)
    schema.migrate(engine)
    assert shape(engine) == before


@pytest.mark.parametrize("older", OLDER)
def test_an_upgrade_keeps_every_row_of_a_full_database(engine: Engine, older: str) -> None:
    fill(engine)
    with migrating(engine) as connection:
        command.downgrade(schema.alembic_config(connection), older)
    found, of = inspect(engine), {"schema": place_of(engine)}
    columns = {
        name: [one["name"] for one in found.get_columns(name, **of)]
        for name in set(found.get_table_names(**of)) - {VERSION_TABLE, "schema_support"}
    }
    before = contents(engine, columns)
    schema.migrate(engine)
    assert contents(engine, columns) == before


def contents(engine: Engine, columns: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The rows of each table, in these columns, as text."""
    with plain_sql(engine) as connection:
        return {
            table: sorted(
                map(str, connection.execute(select(*map(column, names)).select_from(text(table))))
            )
            for table, names in columns.items()
        }


def test_an_upgrade_of_an_empty_database_creates_it_without_a_copy(empty: Engine) -> None:
    copy = schema.upgrade(empty, datetime.now(UTC))
    assert (copy, schema.revision(empty)) == (None, schema.HEAD)


def test_an_upgrade_of_todays_schema_makes_no_copy(engine: Engine) -> None:
    assert schema.upgrade(engine, datetime.now(UTC)) is None


def test_an_installed_wheel_brings_its_own_migrations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "migrations").mkdir()
    monkeypatch.setattr(schema, "__file__", str(tmp_path / "storage" / "schema.py"))
    assert schema.migrations_directory() == tmp_path / "migrations"


def test_a_place_with_a_percent_sign_has_its_migrations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "migrations_directory", lambda: tmp_path / "100%(real)s")
    config = schema.alembic_config()
    assert config.get_main_option("script_location") == str(tmp_path / "100%(real)s")
