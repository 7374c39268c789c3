"""Copies and checks of the database file, its write-ahead log, and a disk that fills up."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from fairmind_sync.errors import DamagedError, DiskFullError, StorageError
from fairmind_sync.settings import Settings
from fairmind_sync.storage import sqlite_file
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import results_table as results
from fairmind_sync.testing import new_result
from tests.support.databases import opened, rows
from tests.support.deliveries import save, save_with

LARGE = {"text": "x" * 200_000}


@contextmanager
def pinned_reader(engine: Engine) -> Iterator[None]:
    """Somebody who goes on reading today's state."""
    with reading(engine) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM outbox").scalar()
        yield


def overwrite(file: Path, *, start: int, length: int) -> None:
    with file.open("r+b") as raw:
        raw.seek(start)
        raw.write(b"\xa5" * length)


def fill(connection: Connection) -> None:
    """Lets the database grow no more, and makes it."""
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    connection.exec_driver_sql("INSERT INTO fairmind_sync_version VALUES (hex(zeroblob(1000000)))")


@pytest.fixture
def damaged(engine: Engine, tmp_path: Path) -> Path:
    """A copy of a database, with pages of it overwritten."""
    for _ in range(50):
        save(engine, "mlflow")
    copy = tmp_path / "damaged.db"
    sqlite_file.copy_to(engine, copy)
    overwrite(copy, start=8192, length=16_384)
    return copy


def test_a_copy_holds_what_was_saved(engine: Engine, tmp_path: Path) -> None:
    save(engine, "mlflow")
    sqlite_file.copy_to(engine, tmp_path / "copy.db")
    with opened(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        assert rows(copy, results) == rows(engine, results)


def test_only_the_owner_may_read_a_copy(engine: Engine, tmp_path: Path) -> None:
    sqlite_file.copy_to(engine, tmp_path / "copy.db")
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_a_copy_overwrites_nothing(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(StorageError, match="Name a new file"):
        sqlite_file.copy_to(engine, tmp_path / "there")
    assert (tmp_path / "there").read_text() == "mine"


def test_a_copy_whose_name_may_be_lost_is_not_kept(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_directory: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(sqlite_file, "sync_directory", failing)
    (tmp_path / "copies").mkdir()
    with pytest.raises(StorageError, match="Nothing was kept"):
        sqlite_file.copy_to(engine, tmp_path / "copies" / "copy.db")
    assert [*(tmp_path / "copies").iterdir()] == []


def test_a_sound_database_has_no_damage(engine: Engine) -> None:
    save(engine, "mlflow")
    assert sqlite_file.damage(engine) == []


def test_a_reference_to_nothing_is_damage(engine: Engine) -> None:
    save(engine, "mlflow")
    with engine.connect() as connection:
        driver = connection.connection.cursor()
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute("DELETE FROM bias_test_results")
        connection.invalidate()
    assert sqlite_file.damage(engine) == ["outbox row 1 refers to a missing bias_test_results"]


def test_overwritten_pages_are_damage(damaged: Path) -> None:
    with opened(f"sqlite:///{damaged}") as copy:
        assert sqlite_file.damage(copy)


def test_a_file_that_is_no_database_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_bytes(b"these are notes, not a database\n" * 100)
    before = file.read_bytes()
    to = Settings(provider="mlflow", database_url=f"sqlite:///{file}")
    with pytest.raises(DamagedError, match=r"is damaged .* left as it is"):
        save_with(to, [new_result()])
    assert file.read_bytes() == before


def test_a_log_that_grew_under_a_reader_shrinks_when_the_reader_is_gone(engine: Engine) -> None:
    with pinned_reader(engine):
        for _ in range(100):
            save(engine, "mlflow", results=LARGE)
        grown = sqlite_file.shrink_wal(engine)
    assert (grown > 16 * 1024**2, sqlite_file.shrink_wal(engine)) == (True, 0)


def test_a_log_without_a_reader_stays_small(engine: Engine) -> None:
    largest = 0
    for _ in range(100):
        save(engine, "mlflow", results=LARGE)
        largest = max(largest, sqlite_file.wal_size(engine))
    assert largest < 8 * 1024**2


def test_a_save_leaves_room_for_what_the_daemon_records(
    engine: Engine, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "free_bytes", lambda _engine: sqlite_file.RESERVED - 1)
    with pytest.raises(DiskFullError, match=r"nothing was saved\. Free at least 8 MB"):
        save_with(configured, [new_result()])
    assert rows(engine, results) == []


def test_a_full_database_says_so_and_keeps_what_it_has(engine: Engine) -> None:
    saved = save(engine, "mlflow")
    with (
        pytest.raises(DiskFullError, match="is full; nothing was stored"),
        writing(engine) as connection,
    ):
        fill(connection)
    assert [row.id for row in rows(engine, results)] == [saved.result_id]
