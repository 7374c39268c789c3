"""Databases of other versions: which are used, which are refused, and what an upgrade keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, inspect, text

from fairmind_sync.errors import FairmindSyncError, SchemaError
from fairmind_sync.storage import schema
from fairmind_sync.storage.tables import outbox_table, results_table
from fairmind_sync.storage.version_table import VERSION_TABLE
from tests.support.clock import NOW
from tests.support.databases import place_of, plain_sql, rows
from tests.support.deliveries import save
from tests.support.next_version import NextVersion
from tests.support.older_database import held_by, older_database

pytestmark = pytest.mark.both_databases

HEAD = schema.HEAD
USES = [
    pytest.param(schema.create_if_missing, id="producer"),
    pytest.param(lambda engine: schema.upgrade(engine, NOW), id="db upgrade"),
    pytest.param(schema.upgrade_apart, id="daemon", marks=pytest.mark.system),
]
BREAKS_REFERENCES = {
    "sqlite": "would break 1 references and was undone",
    "postgresql": 'violates .*foreign key constraint "fk_outbox_result_id_bias_test_results"',
}
ADVICE = {
    "sqlite": f"older schema {HEAD}. Start the daemon",
    "postgresql": (
        f"older schema {HEAD}, and this version needs 9000. Make a backup with pg_dump, then run "
        "'fairmind-sync db upgrade'"
    ),
}


@pytest.fixture
def older(empty_database_url: str) -> Iterator[Engine]:
    """A database of the first version."""
    with older_database(empty_database_url) as engine:
        yield engine


def made_newer(engine: Engine, oldest: str) -> Engine:
    """A later version has upgraded it, and lets versions use it whose schema is at least `oldest`."""
    with plain_sql(engine) as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))  # noqa: S608 a constant
        connection.execute(text(f"UPDATE schema_support SET oldest = '{oldest}'"))  # noqa: S608 a constant
    return engine


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("oldest", [f"{int(HEAD) + 1:04}", "9999"])
def test_a_newer_schema_is_refused_with_advice(
    engine: Engine, use: Callable[[Engine], object], oldest: str
) -> None:
    expected = rf"newer fairmind-sync \(schema 9999; this version knows {HEAD}\).*pip install --upg"
    with pytest.raises(SchemaError, match=expected):
        use(made_newer(engine, oldest))


@pytest.mark.parametrize("use", USES)
def test_a_newer_schema_stays_as_it_is(engine: Engine, use: Callable[[Engine], object]) -> None:
    save(engine, "mlflow")
    before = rows(engine, outbox_table)
    with pytest.raises(SchemaError):
        use(made_newer(engine, "9999"))
    assert (schema.revision(engine), rows(engine, outbox_table)) == ("9999", before)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("oldest", ["0004", HEAD])
def test_a_newer_schema_that_lets_this_version_use_it_is_used_as_it_is(
    engine: Engine, use: Callable[[Engine], object], oldest: str
) -> None:
    assert (use(made_newer(engine, oldest)), schema.revision(engine)) == (None, "9999")


def test_an_older_schema_is_refused_for_producers_with_advice(
    engine: Engine, next_version: NextVersion
) -> None:
    next_version("pass")
    with pytest.raises(SchemaError, match=ADVICE[engine.dialect.name]):
        schema.create_if_missing(engine)


def test_an_older_schema_is_upgraded(engine: Engine, next_version: NextVersion) -> None:
    next_version("op.create_table('notes', sa.Column('id', sa.Integer()))")
    schema.upgrade(engine, NOW)
    assert (
        schema.revision(engine),
        inspect(engine).has_table("notes", schema=place_of(engine)),
    ) == ("9000", True)


def test_a_database_that_was_upgraded_is_ready(engine: Engine, next_version: NextVersion) -> None:
    next_version("pass")
    schema.upgrade(engine, NOW)
    schema.create_if_missing(engine)
    assert rows(engine, outbox_table) == []


def test_the_first_version_is_upgraded_with_all_that_it_holds(older: Engine) -> None:
    before = held_by(older)
    schema.upgrade(older, NOW)
    assert (held_by(older), schema.revision(older)) == (before, HEAD)


def test_an_upgrade_reads_the_verdicts_of_older_results(older: Engine) -> None:
    schema.upgrade(older, NOW)
    verdicts = [
        (row.overall_risk, row.metrics_passed, row.metrics_failed)
        for row in rows(older, results_table)
    ]
    assert verdicts == [("high", 3, 1)] * 3


def test_an_upgrade_that_failed_may_be_tried_again_at_once(
    engine: Engine, next_version: NextVersion
) -> None:
    next_version("raise RuntimeError")
    for _ in range(2):
        with pytest.raises(RuntimeError):
            schema.upgrade(engine, NOW)
    assert schema.revision(engine) == HEAD


def test_an_upgrade_that_fails_in_the_middle_changes_nothing(
    engine: Engine, next_version: NextVersion
) -> None:
    next_version("op.create_table('notes', sa.Column('id', sa.Integer())); raise RuntimeError")
    with pytest.raises(RuntimeError):
        schema.upgrade(engine, NOW)
    assert (
        schema.revision(engine),
        inspect(engine).has_table("notes", schema=place_of(engine)),
    ) == (HEAD, False)


def test_an_upgrade_that_breaks_references_is_undone(
    engine: Engine, next_version: NextVersion
) -> None:
    save(engine, "mlflow")
    next_version("op.execute('DELETE FROM bias_test_results')")
    with pytest.raises(FairmindSyncError, match=BREAKS_REFERENCES[engine.dialect.name]):
        schema.upgrade(engine, NOW)
    assert len(rows(engine, results_table)) == 1
