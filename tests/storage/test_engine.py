"""The engine: one for each process, what its transactions hold, and who notices them."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.pool import QueuePool

from fairmind_sync.storage import engine as engines
from fairmind_sync.storage import schema
from fairmind_sync.storage.advisory_locks import advisory_lock
from fairmind_sync.storage.commit_watch import CommitWatch
from fairmind_sync.storage.engine import let_go, open_engine, reading, shared_engine, writing
from fairmind_sync.storage.tables import heartbeat_table, provider_table, results_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import save
from tests.support.processes import eventually
from tests.support.races import at_once

pytestmark = pytest.mark.both_databases

COUNT: dict[str, Any] = {
    "daemon_id": "d",
    "host": "h",
    "pid": 0,
    "version": "1",
    "started_at": NOW,
    "seen_at": NOW,
}


def write_and_fail(engine: Engine) -> None:
    with suppress(RuntimeError), writing(engine) as connection:
        connection.execute(insert(heartbeat_table).values(COUNT))
        raise RuntimeError


def test_reading_keeps_nobody_from_writing(engine: Engine) -> None:
    with reading(engine) as connection:
        connection.execute(select(provider_table)).all()
        save(engine, "mlflow")
    assert len(rows(engine, results_table)) == 1


def test_threads_that_read_and_then_write_in_turn_all_succeed(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(insert(heartbeat_table).values(COUNT))
    start = threading.Barrier(2)

    def count_up() -> None:
        start.wait()
        for _ in range(50):
            with writing(engine) as connection:
                advisory_lock(connection, "count")
                counted = connection.execute(select(heartbeat_table.c.pid)).scalar_one()
                connection.execute(update(heartbeat_table).values(pid=counted + 1))

    threads = [threading.Thread(target=count_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(engine, heartbeat_table)[0].pid == 100


def test_what_fails_in_the_middle_is_not_stored(engine: Engine) -> None:
    write_and_fail(engine)
    assert rows(engine, heartbeat_table) == []


def test_a_process_has_one_engine_for_a_database(database_url: str) -> None:
    assert shared_engine(database_url) is shared_engine(database_url)


def test_threads_that_ask_at_once_get_one_engine(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one's connections would be nobody's to close."""
    both_open = threading.Barrier(2)

    def open_late(url: str) -> Engine:
        both_open.wait()
        return open_engine(url)

    monkeypatch.setattr(engines, "open_engine", open_late)
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(shared_engine, [database_url] * 2)
    assert one is other


def connections_in(engine: Engine) -> int:
    """Idle ones, which are kept for the next user."""
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    return sum(entry.dbapi_connection is not None for entry in [*pool._pool.queue])  # type: ignore[attr-defined]


def test_a_process_that_opens_many_databases_closes_the_first(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / str(number)}.db" for number in range(9)]
    opened = [schema.ready_engine(url) for url in urls[:8]]
    for engine in opened:
        rows(engine, heartbeat_table)
    before = connections_in(opened[0])
    schema.ready_engine(urls[8])
    assert (before, [connections_in(engine) for engine in opened]) == (1, [0, *[1] * 7])


def test_a_connection_that_comes_back_late_is_closed(database_url: str) -> None:
    engine = shared_engine(database_url)
    with engine.connect() as connection:
        let_go(database_url)
        used = connection.connection.dbapi_connection
    with pytest.raises(engine.dialect.loaded_dbapi.Error, match="closed"):
        used.cursor().execute("SELECT 1")  # type: ignore[union-attr]  # it was connected


def test_an_engine_that_was_let_go_is_used_by_those_who_have_it(
    engine: Engine, database_url: str
) -> None:
    let_go(database_url)
    found = rows(engine, heartbeat_table)
    assert (found, connections_in(engine), shared_engine(database_url) is engine) == ([], 0, False)


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
IMPORTS = "import sys\nfrom fairmind_sync.storage import schema\nfrom tests.support.deliveries import save"


def test_a_watch_sees_another_processs_commit(watch: CommitWatch, database_url: str) -> None:
    at_once(IMPORTS, SAVE, [database_url])
    assert eventually(watch.has_changed)


def test_a_watch_tells_of_a_commit_once(watch: CommitWatch, engine: Engine) -> None:
    save(engine, "mlflow")
    assert (eventually(watch.has_changed), watch.has_changed()) == (True, False)


def test_a_watch_is_silent_while_nobody_commits(watch: CommitWatch, engine: Engine) -> None:
    rows(engine, results_table)
    assert not watch.has_changed()


def test_a_watch_does_not_see_what_was_undone(watch: CommitWatch, engine: Engine) -> None:
    write_and_fail(engine)
    assert not watch.has_changed()


def test_a_watch_that_is_closed_keeps_no_connection(engine: Engine) -> None:
    CommitWatch(engine).close()
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # it is a pool that counts
