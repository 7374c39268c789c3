"""An upgrade of a SQLite file: which copy is made first, and tables that are copied and dropped."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from fairmind_sync.errors import SchemaError
from fairmind_sync.storage import schema, sqlite_file
from fairmind_sync.storage.commit_watch import CommitWatch
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import attempts_table, outbox_table, results_table
from fairmind_sync.storage.version_table import VERSION_TABLE
from tests.support.clock import NOW
from tests.support.databases import opened, rows
from tests.support.deliveries import claimed, save
from tests.support.next_version import NextVersion
from tests.support.older_database import held_by, older_database

HEAD = schema.HEAD
ADDS_A_COLUMN = (
    "with op.batch_alter_table('{}', recreate='always') as table:\n"
    "        table.add_column(sa.Column('note', sa.Text()))"
)


@pytest.fixture
def older(empty_database_url: str) -> Iterator[Engine]:
    """A file of the first version."""
    with older_database(empty_database_url) as engine:
        yield engine


def upgraded(engine: Engine) -> Path:
    """Upgrades; the copy that was made."""
    copy = schema.upgrade(engine, NOW)
    assert copy is not None
    return copy


def test_the_older_database_is_copied_first(engine: Engine, next_version: NextVersion) -> None:
    save(engine, "mlflow")
    before = rows(engine, results_table)
    next_version("op.execute('DELETE FROM outbox')")
    with opened(f"sqlite:///{upgraded(engine)}") as copy:
        assert (schema.revision(copy), rows(copy, results_table)) == (HEAD, before)


def test_the_copy_is_whole(engine: Engine, next_version: NextVersion) -> None:
    save(engine, "mlflow")
    next_version("pass")
    with opened(f"sqlite:///{upgraded(engine)}") as copy:
        assert sqlite_file.damage(copy) == []


def test_only_the_owner_may_read_the_copy(engine: Engine, next_version: NextVersion) -> None:
    next_version("pass")
    assert stat.S_IMODE(upgraded(engine).stat().st_mode) == 0o600


def test_the_copy_says_what_it_is_and_when_it_was_made(
    engine: Engine, next_version: NextVersion
) -> None:
    next_version("pass")
    expected = r".*\.db\.before-9000-20260304T050607\.backup"
    assert re.fullmatch(expected, upgraded(engine).name)


def test_too_many_copies_of_one_moment_are_an_error_that_says_what_to_do(engine: Engine) -> None:
    file = sqlite_file.file_of(engine)
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        file.with_name(f"{file.name}.label{suffix}.backup").touch()
    with pytest.raises(SchemaError, match=r"too many backups beside .*: move some away"):
        schema.back_up(engine, "label")


@pytest.mark.system  # the daemon's own upgrade is a process
def test_the_daemon_upgrades_by_itself(older: Engine) -> None:
    before = held_by(older)
    copy = schema.upgrade_apart(older)
    with opened(f"sqlite:///{copy}") as copied:
        assert (schema.revision(older), held_by(copied)) == (HEAD, before)


def test_a_file_that_is_refused_is_neither_changed_nor_copied(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))  # noqa: S608 a constant
        connection.execute(text("UPDATE schema_support SET oldest = '9999'"))
    watch = CommitWatch(engine)
    with pytest.raises(SchemaError):
        schema.upgrade(engine, NOW)
    copies = list(sqlite_file.file_of(engine).parent.glob("*.backup"))
    assert (watch.has_changed(), copies) == (False, [])
    watch.close()


@pytest.mark.parametrize("table", ["bias_test_results", "outbox"])
def test_a_table_that_is_copied_and_dropped_takes_no_other_rows_along(
    engine: Engine, next_version: NextVersion, table: str
) -> None:
    claimed(engine)
    before = rows(engine, outbox_table), rows(engine, attempts_table)
    next_version(ADDS_A_COLUMN.format(table))
    schema.upgrade(engine, NOW)
    assert (rows(engine, outbox_table), rows(engine, attempts_table)) == before


def test_foreign_keys_are_on_again_after_an_upgrade(
    engine: Engine, next_version: NextVersion
) -> None:
    next_version("pass")
    schema.upgrade(engine, NOW)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
