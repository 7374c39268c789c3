"""Databases of other versions: a newer one is refused, an older one upgraded after a copy."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import Engine, inspect, text

from fairmind_sync import schema
from fairmind_sync.database import CommitWatch, open_engine, reading
from fairmind_sync.errors import SchemaError
from fairmind_sync.models import bias_test_results, delivery_attempts, outbox
from tests.helpers import NOW, claimed, rows, save
from tests.older_database import held_by, older_database

HEAD = schema.HEAD

NextVersion: TypeAlias = Callable[[str], None]
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9000", "{}"


def upgrade():
    {}
"""
ADDS_A_COLUMN = (
    "with op.batch_alter_table('{}', recreate='always') as table:\n"
    "        table.add_column(sa.Column('note', sa.Text()))"
)


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NextVersion:
    """Pretends that this code is a version further on, whose migration does what the test says."""

    def install(statement: str) -> None:
        place = tmp_path / "migrations"
        shutil.copytree(schema.migrations_directory(), place)
        (place / "versions" / "9000_next.py").write_text(MIGRATION.format(HEAD, statement))
        monkeypatch.setattr(schema, "migrations_directory", lambda: place)
        monkeypatch.setattr(schema, "HEAD", "9000")
        monkeypatch.setattr(schema, "_KNOWN", (HEAD, "9000"))

    return install


@pytest.fixture
def newer(engine: Engine) -> Engine:
    """A database that a later version has upgraded."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    return engine


def columns(engine: Engine, table: str) -> set[str]:
    return {column["name"] for column in inspect(engine).get_columns(table)}


def copies(engine: Engine) -> list[Path]:
    return list(Path(str(engine.url.database)).parent.glob("*.backup"))


def upgrade(engine: Engine) -> Engine:
    """Upgrades; the copy that was made, opened."""
    copy = schema.upgrade(engine, NOW)
    return open_engine(f"sqlite:///{copy}")


@pytest.mark.parametrize(
    "use", [schema.create_if_missing, lambda engine: schema.upgrade(engine, NOW)]
)
def test_a_newer_schema_is_refused_with_advice(
    newer: Engine, use: Callable[[Engine], object]
) -> None:
    expected = (
        r"newer fairmind-sync \(schema 9999; this version knows "
        + HEAD
        + r"\).*pip install --upgrade"
    )
    with pytest.raises(SchemaError, match=expected):
        use(newer)


@pytest.mark.parametrize(
    "use", [schema.create_if_missing, lambda engine: schema.upgrade(engine, NOW)]
)
def test_a_newer_schema_stays_as_it_is(newer: Engine, use: Callable[[Engine], object]) -> None:
    watch = CommitWatch(newer)
    with pytest.raises(SchemaError):
        use(newer)
    assert (watch.has_changed(), copies(newer)) == (False, [])
    watch.close()


def test_an_older_schema_is_refused_for_producers_with_advice(
    engine: Engine, next_version: NextVersion
) -> None:
    next_version("pass")
    with pytest.raises(SchemaError, match=f"older schema {HEAD}. Start the daemon"):
        schema.create_if_missing(engine)


def test_an_older_schema_is_upgraded(engine: Engine, next_version: NextVersion) -> None:
    next_version("op.create_table('notes', sa.Column('id', sa.Integer()))")
    schema.upgrade(engine, NOW)
    assert (schema.revision(engine), inspect(engine).has_table("notes")) == ("9000", True)


def test_a_database_that_was_upgraded_is_ready(engine: Engine, next_version: NextVersion) -> None:
    next_version("pass")
    schema.upgrade(engine, NOW)
    schema.create_if_missing(engine)
    assert rows(engine, outbox) == []


def test_the_first_version_is_upgraded_with_all_that_it_holds(database_url: str) -> None:
    older = older_database(database_url)
    before = held_by(older)
    schema.upgrade(older, NOW)
    assert (held_by(older), schema.revision(older)) == (before, HEAD)


def test_an_upgrade_reads_the_verdicts_of_older_results(database_url: str) -> None:
    older = older_database(database_url)
    schema.upgrade(older, NOW)
    verdicts = [
        (row.overall_risk, row.metrics_passed, row.metrics_failed)
        for row in rows(older, bias_test_results)
    ]
    assert verdicts == [("high", 3, 1)] * 3


def test_an_upgrade_copies_the_older_database_first(
    engine: Engine, next_version: NextVersion
) -> None:
    save(engine, "mlflow")
    before = rows(engine, bias_test_results)
    next_version("op.execute('DELETE FROM outbox')")
    copy = upgrade(engine)
    assert (schema.revision(copy), rows(copy, bias_test_results)) == (HEAD, before)


def test_the_copy_is_whole(engine: Engine, next_version: NextVersion) -> None:
    save(engine, "mlflow")
    next_version("pass")
    with reading(upgrade(engine)) as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_only_the_owner_may_read_the_copy(engine: Engine, next_version: NextVersion) -> None:
    next_version("pass")
    copy = schema.upgrade(engine, NOW)
    assert copy is not None
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_the_copy_says_what_it_is_and_when_it_was_made(
    engine: Engine, next_version: NextVersion
) -> None:
    next_version("pass")
    copy = schema.upgrade(engine, NOW)
    assert copy is not None
    assert re.fullmatch(r".*\.db\.before-9000-20260304T050607\.backup", copy.name)


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
    assert (schema.revision(engine), inspect(engine).has_table("notes")) == (HEAD, False)


def test_an_upgrade_that_breaks_references_is_undone(
    engine: Engine, next_version: NextVersion
) -> None:
    save(engine, "mlflow")
    next_version("op.execute('DELETE FROM bias_test_results')")
    with pytest.raises(SchemaError, match="would break 1 references and was undone"):
        schema.upgrade(engine, NOW)
    assert len(rows(engine, bias_test_results)) == 1


@pytest.mark.parametrize("table", ["bias_test_results", "outbox"])
def test_a_table_that_is_copied_and_dropped_takes_no_other_rows_along(
    engine: Engine, next_version: NextVersion, table: str
) -> None:
    claimed(engine)
    before = rows(engine, outbox), rows(engine, delivery_attempts)
    next_version(ADDS_A_COLUMN.format(table))
    schema.upgrade(engine, NOW)
    assert (rows(engine, outbox), rows(engine, delivery_attempts)) == before


def test_foreign_keys_are_on_again_after_an_upgrade(
    engine: Engine, next_version: NextVersion
) -> None:
    next_version("pass")
    schema.upgrade(engine, NOW)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_too_many_copies_of_one_moment_are_an_error_that_says_what_to_do(engine: Engine) -> None:
    file = Path(str(engine.url.database))
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        file.with_name(f"{file.name}.label{suffix}.backup").touch()
    with pytest.raises(SchemaError, match=r"too many backups beside .*: move some away"):
        schema.back_up(engine, "label")
