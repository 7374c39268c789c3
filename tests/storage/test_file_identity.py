"""A file that is deleted, replaced or moved while it is open: nothing is acknowledged into nowhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import StorageError
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.sqlite_file import file_of
from fairmind_sync.storage.tables import outbox_table
from tests.support.databases import opened, rows
from tests.support.deliveries import save

GONE = "isn't the file that this program has open.*Nothing is saved. Put the file back"


def delete(file: Path) -> None:
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()


def delete_alone(file: Path) -> None:
    file.unlink()


def replace(file: Path) -> None:
    """As a backup that is put back; an editor that saves does the same."""
    shutil.copy(file, file.with_name("backup"))
    os.replace(file.with_name("backup"), file)  # noqa: PTH105 as mv does


def rename_the_directory(file: Path) -> None:
    file.parent.rename(file.parent.with_name("renamed"))


def replace_the_directory(file: Path) -> None:
    shutil.copytree(file.parent, file.parent.with_name("copy"))
    rename_the_directory(file)
    file.parent.with_name("copy").rename(file.parent)


def delete_the_log(file: Path) -> None:
    file.with_name(f"{file.name}-wal").unlink()


def delete_the_index(file: Path) -> None:
    file.with_name(f"{file.name}-shm").unlink()


MISHAPS = [
    delete,
    delete_alone,
    replace,
    rename_the_directory,
    replace_the_directory,
    delete_the_log,
    delete_the_index,
]
MISHAP = pytest.mark.parametrize("mishap", MISHAPS, ids=lambda mishap: mishap.__name__)


@pytest.fixture
def file(engine: Engine) -> Path:
    """Of a database that this process has saved into."""
    save(engine, "mlflow", test_id="before")
    return file_of(engine)


@MISHAP
def test_nothing_is_acknowledged_any_more(
    engine: Engine, file: Path, mishap: Callable[[Path], None]
) -> None:
    mishap(file)
    with pytest.raises(StorageError, match=GONE):
        save(engine, "mlflow", test_id="after")


@MISHAP
def test_what_happens_before_the_commit_is_noticed_after_it(
    engine: Engine, file: Path, mishap: Callable[[Path], None]
) -> None:
    with pytest.raises(StorageError, match=GONE), writing(engine):
        mishap(file)


@MISHAP
def test_nothing_old_is_read(engine: Engine, file: Path, mishap: Callable[[Path], None]) -> None:
    mishap(file)
    with pytest.raises(StorageError, match=GONE), reading(engine) as connection:
        connection.exec_driver_sql("SELECT 1")


@pytest.mark.parametrize("mishap", [delete, delete_alone, rename_the_directory])
def test_no_new_file_appears_at_the_path(
    engine: Engine, file: Path, mishap: Callable[[Path], None]
) -> None:
    mishap(file)
    engine.dispose()  # the next connection is a new one
    with pytest.raises(StorageError):
        save(engine, "mlflow", test_id="after")
    assert not file.exists()


def test_a_new_connection_takes_no_other_file(engine: Engine, file: Path) -> None:
    replace(file)
    engine.dispose()
    with pytest.raises(StorageError, match=GONE):
        save(engine, "mlflow", test_id="after")


def test_a_directory_that_is_put_back_is_used_again(engine: Engine, file: Path) -> None:
    rename_the_directory(file)
    with pytest.raises(StorageError, match=GONE):
        save(engine, "mlflow", test_id="meanwhile")
    file.parent.with_name("renamed").rename(file.parent)
    save(engine, "mlflow", test_id="after")
    assert len(rows(engine, outbox_table)) == 2


def test_a_program_that_starts_anew_uses_what_was_put_there(engine: Engine, file: Path) -> None:
    engine.dispose()
    replace(file)
    with opened(f"sqlite:///{file}") as again:
        assert len(rows(again, outbox_table)) == 1


def test_a_checkpoint_and_compaction_are_no_other_file(engine: Engine, file: Path) -> None:
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        driver.execute("VACUUM")
    save(engine, "mlflow", test_id="after")
    assert len(rows(engine, outbox_table)) == 2
