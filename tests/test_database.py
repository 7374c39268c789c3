"""The engine: how every connection is set up, what a transaction holds, and who notices it."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select, update

from fairmind_sync import database
from fairmind_sync.database import (
    CommitWatch,
    open_engine,
    reading,
    shared_engine,
    sqlite_module,
    writing,
)
from fairmind_sync.errors import StorageError
from fairmind_sync.models import bias_test_results, daemon_heartbeats, provider_state
from tests.helpers import NOW, at_once, rows, save

COUNT: dict[str, Any] = {
    "daemon_id": "d",
    "host": "h",
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


def write_and_fail(engine: Engine) -> None:
    with suppress(RuntimeError), writing(engine) as connection:
        connection.execute(insert(daemon_heartbeats).values(COUNT))
        raise RuntimeError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("busy_timeout", 30_000),
        ("journal_size_limit", 16 * 1024 * 1024),
        ("journal_mode", database.journal_mode()),
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
    assert database.wal_is_safe(version) is safe


def test_a_safe_sqlite_writes_a_wal(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "wal_is_safe", lambda _version: True)
    assert journal_mode(database_url) == "wal"


def test_an_unsafe_sqlite_falls_back_to_a_rollback_journal(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "wal_is_safe", lambda _version: False)
    assert journal_mode(database_url) == "delete"


def test_an_unsafe_sqlite_takes_the_wal_away_from_an_older_file(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "wal_is_safe", lambda _version: True)
    before = journal_mode(database_url)
    monkeypatch.setattr(database, "wal_is_safe", lambda _version: False)
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
    database._set_journal_mode(connection)
    assert connection.mode == database.journal_mode()


def test_a_file_that_stays_locked_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", -1)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        database._set_journal_mode(BusyConnection("database is locked"))


def test_an_error_that_is_no_lock_is_not_waited_for() -> None:
    with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
        database._set_journal_mode(BusyConnection("disk I/O error"))


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
    monkeypatch.setattr(database, "bundled_sqlite", bundled)
    assert database.sqlite_module() is (bundled if is_taken else sqlite3)


def test_writing_takes_the_lock_at_once(engine: Engine) -> None:
    with writing(engine), closing(engine.raw_connection()) as other:
        cursor = other.cursor()
        cursor.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(sqlite_module().OperationalError, match="database is locked"):
            cursor.execute("BEGIN IMMEDIATE")


def test_reading_keeps_nobody_from_writing(engine: Engine) -> None:
    with reading(engine) as connection:
        connection.execute(select(provider_state)).all()
        save(engine, "mlflow")
    assert len(rows(engine, bias_test_results)) == 1


def test_threads_that_read_and_then_write_all_succeed(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(insert(daemon_heartbeats).values(COUNT))
    start = threading.Barrier(2)

    def count_up() -> None:
        start.wait()
        for _ in range(50):
            with writing(engine) as connection:
                counted = connection.execute(select(daemon_heartbeats.c.pid)).scalar_one()
                connection.execute(update(daemon_heartbeats).values(pid=counted + 1))

    threads = [threading.Thread(target=count_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(engine, daemon_heartbeats)[0].pid == 100


def test_what_fails_in_the_middle_is_not_stored(engine: Engine) -> None:
    write_and_fail(engine)
    assert rows(engine, daemon_heartbeats) == []


def test_a_full_disk_is_a_storage_error_that_says_so(engine: Engine) -> None:
    def fill() -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
            connection.execute(insert(daemon_heartbeats).values(COUNT | {"host": "h" * 100_000}))

    with pytest.raises(StorageError, match=r"is full; nothing was stored. Free space there"):
        fill()


def test_a_process_has_one_engine_for_a_database(database_url: str) -> None:
    assert shared_engine(database_url) is shared_engine(database_url)


def test_a_forked_child_gets_an_engine_of_its_own(database_url: str) -> None:
    fork = multiprocessing.get_context("fork")
    parents = shared_engine(database_url)
    answer = fork.SimpleQueue()
    child = fork.Process(target=lambda: answer.put(shared_engine(database_url) is parents))
    child.start()
    child.join()
    assert answer.get() is False


@pytest.fixture
def watch(engine: Engine) -> Iterator[CommitWatch]:
    watch = CommitWatch(engine)
    yield watch
    watch.close()


SAVE = "save(schema.ready_engine(sys.argv[1]), 'mlflow')"
IMPORTS = "import sys\nfrom fairmind_sync import schema\nfrom tests.helpers import save"


def test_a_watch_sees_another_processs_commit(watch: CommitWatch, database_url: str) -> None:
    at_once(IMPORTS, SAVE, [database_url])
    assert watch.has_changed()


def test_a_watch_tells_of_a_commit_once(watch: CommitWatch, engine: Engine) -> None:
    save(engine, "mlflow")
    assert (watch.has_changed(), watch.has_changed()) == (True, False)


def test_a_watch_is_silent_while_nobody_commits(watch: CommitWatch, engine: Engine) -> None:
    rows(engine, bias_test_results)
    assert not watch.has_changed()


def test_a_watch_does_not_see_what_was_undone(watch: CommitWatch, engine: Engine) -> None:
    write_and_fail(engine)
    assert not watch.has_changed()


def test_a_watch_gives_its_connection_back(engine: Engine) -> None:
    before = engine.pool.status()
    CommitWatch(engine).close()
    assert engine.pool.status() == before
