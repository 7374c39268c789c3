"""How each connection to a SQLite file is set up, and which SQLite may write a write-ahead log."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert

from fairmind_sync.errors import StorageError
from fairmind_sync.storage import sqlite
from fairmind_sync.storage.engine import open_engine, reading, writing
from fairmind_sync.storage.sqlite import sqlite_module
from fairmind_sync.storage.tables import heartbeat_table
from tests.support.clock import NOW

LARGE: dict[str, Any] = {
    "daemon_id": "d",
    "host": "h" * 100_000,
    "pid": 0,
    "version": "1",
    "started_at": NOW,
    "seen_at": NOW,
}


def pragma(connection: Connection, name: str) -> object:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def journal_mode(url: str) -> object:
    engine = open_engine(url)
    with reading(engine) as connection:
        mode = pragma(connection, "journal_mode")
    engine.dispose()
    return mode


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("synchronous", 3),
        ("foreign_keys", 1),
        ("busy_timeout", 30_000),
        ("journal_size_limit", 16 * 1024 * 1024),
        ("journal_mode", sqlite.journal_mode()),
    ],
)
def test_every_pooled_connection_is_set_up_alike(engine: Engine, name: str, value: object) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(reading(engine)) for _ in range(7)]
        assert [pragma(connection, name) for connection in connections] == [value] * 7


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 7, 0), False),
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 0), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_wal_is_safe_with_the_versions_that_have_the_fix(
    version: tuple[int, ...], safe: bool
) -> None:
    assert sqlite.wal_is_safe(version) is safe


def test_a_safe_sqlite_writes_a_wal(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "wal_is_safe", lambda _version: True)
    assert journal_mode(database_url) == "wal"


def test_an_unsafe_sqlite_falls_back_to_a_rollback_journal(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "wal_is_safe", lambda _version: False)
    assert journal_mode(database_url) == "delete"


def test_an_unsafe_sqlite_takes_the_wal_away_from_an_older_file(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "wal_is_safe", lambda _version: True)
    before = journal_mode(database_url)
    monkeypatch.setattr(sqlite, "wal_is_safe", lambda _version: False)
    assert (before, journal_mode(database_url)) == ("wal", "delete")


class BusyConnection:
    """A connection to a new file that other processes open as well: it is locked now and then."""

    def __init__(self, *errors: str) -> None:
        self._errors = list(errors)
        self.mode = "unset"

    def execute(self, statement: str) -> Any:
        _, _, wanted = statement.partition(" = ")
        if wanted and self._errors:
            raise sqlite3.OperationalError(self._errors.pop(0))
        self.mode = wanted or self.mode
        return SimpleNamespace(fetchone=lambda: (self.mode,))


def test_a_file_that_others_are_opening_is_waited_for() -> None:
    connection = BusyConnection("database is locked", "database is locked")
    sqlite._set_journal_mode(connection)
    assert connection.mode == sqlite.journal_mode()


def test_a_file_that_stays_locked_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", -1)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite._set_journal_mode(BusyConnection("database is locked"))


def test_an_error_that_is_no_lock_is_not_waited_for() -> None:
    with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
        sqlite._set_journal_mode(BusyConnection("disk I/O error"))


@pytest.mark.parametrize(
    ("bundled", "is_taken"),
    [
        (None, False),
        (SimpleNamespace(sqlite_version_info=(3, 51, 1)), False),
        (SimpleNamespace(sqlite_version_info=(3, 53, 4)), True),
    ],
    ids=["none", "unsafe", "safe"],
)
def test_the_bundled_sqlite_is_taken_where_it_is_safe(
    bundled: Any, is_taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "bundled_sqlite", bundled)
    assert sqlite.sqlite_module() is (bundled if is_taken else sqlite3)


def test_writing_takes_the_lock_at_once(engine: Engine) -> None:
    with writing(engine), closing(engine.raw_connection()) as other:
        cursor = other.cursor()
        cursor.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(sqlite_module().OperationalError, match="database is locked"):
            cursor.execute("BEGIN IMMEDIATE")


def test_a_full_disk_is_a_storage_error_that_says_so(engine: Engine) -> None:
    def fill() -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
            connection.execute(insert(heartbeat_table).values(LARGE))

    with pytest.raises(StorageError, match=r"is full; nothing was stored. Free space there"):
        fill()
