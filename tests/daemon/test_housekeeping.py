"""What a daemon does beside delivering, each chore by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from fairmind_sync.clock import utc_now
from fairmind_sync.daemon import housekeeping
from fairmind_sync.daemon.housekeeping import Housekeeping
from fairmind_sync.errors import StorageError
from fairmind_sync.outbox import counters, deletion, idempotency
from fairmind_sync.storage import sqlite_file
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import (
    heartbeat_table,
    idempotency_table,
    results_table,
)
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import claim, delivered, save
from tests.support.log_events import captured_logs

DAY = timedelta(days=1)


def started(engine: Engine, beats: list[str] | None = None) -> Housekeeping:
    chores = Housekeeping(engine, lambda: (beats if beats is not None else []).append("beat"))
    with writing(engine) as connection:
        chores.start(connection, NOW)
    return chores


def refuse_writes(engine: Engine) -> None:
    def refuse(*_arguments: Any) -> None:
        raise StorageError("the disk is full")

    event.listen(engine, "before_cursor_execute", refuse)


@pytest.fixture
def _another_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another daemon does each chore just now."""

    @contextmanager
    def taken(_engine: Engine, _what: str) -> Iterator[bool]:
        yield False

    monkeypatch.setattr(housekeeping, "try_advisory_lock", taken)


def test_a_daemon_is_seen_from_its_start_to_its_end(engine: Engine) -> None:
    chores = started(engine)
    alive = len(rows(engine, heartbeat_table))
    chores.stop()
    assert (alive, rows(engine, heartbeat_table)) == (1, [])


def test_a_heartbeat_tells_that_timers_and_database_work(engine: Engine) -> None:
    beats: list[str] = []
    started(engine, beats).beat()
    (row,) = rows(engine, heartbeat_table)
    assert (beats, row.started_at, row.seen_at > NOW) == (["beat"], NOW, True)


def test_a_heartbeat_that_does_not_reach_the_database_tells_nothing(engine: Engine) -> None:
    beats: list[str] = []
    chores = started(engine, beats)
    refuse_writes(engine)
    with pytest.raises(StorageError):
        chores.beat()
    assert beats == []


def untidy(engine: Engine) -> None:
    """A deletion that could not be finished, and an old key."""
    save(engine, "mlflow", test_id="t")
    claim(engine)
    with writing(engine) as connection:
        deletion.delete(connection, "t", "user-1", NOW)
        idempotency.save_once(connection, "old", new_result(), (), utc_now() - 2 * DAY)
        idempotency.save_once(connection, "new", new_result(), (), utc_now())


def state(engine: Engine) -> tuple[bool, list[str]]:
    """Whether the deleted result is erased, and the keys."""
    first, *_ = rows(engine, results_table)
    keys = [row.key for row in rows(engine, idempotency_table)]
    return first.erased_at is not None, keys


def test_tidying_ends_deletions_and_forgets_keys(engine: Engine) -> None:
    untidy(engine)
    before = state(engine)
    Housekeeping(engine).tidy()
    assert (before, state(engine)) == ((False, ["new", "old"]), (True, ["new"]))


def test_tidying_folds_the_counts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    folded: list[Connection] = []
    monkeypatch.setattr(counters, "fold_delivery_counts", folded.append)
    Housekeeping(engine).tidy()
    assert len(folded) == 1


@pytest.mark.usefixtures("_another_daemon")
def test_what_another_daemon_tidies_is_left_to_it(engine: Engine) -> None:
    untidy(engine)
    before = state(engine)
    Housekeeping(engine).tidy()
    assert state(engine) == before


@pytest.mark.parametrize(("more", "warnings"), [(0, 0), (1, 1)])
def test_a_write_ahead_log_that_stays_large_is_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, more: int, warnings: int
) -> None:
    size = sqlite_file.LARGE_WAL + more
    monkeypatch.setattr(sqlite_file, "shrink_wal", lambda _engine: size)
    with captured_logs() as events:
        Housekeeping(engine).tidy()
    assert [one["bytes"] for one in events if one["event"] == "database.large_wal"] == (
        [size] * warnings
    )


def prune(engine: Engine, *, should_stop: bool = False) -> list[Any]:
    with captured_logs() as events:
        Housekeeping(engine).prune(DAY, lambda: should_stop)
    return [(event["event"], event["count"]) for event in events]


def test_what_is_older_than_the_retention_is_pruned_and_counted(engine: Engine) -> None:
    delivered(engine)
    assert prune(engine) == [("results.pruned", 1)]
    assert rows(engine, results_table)[0].erased_at is not None


def test_where_nothing_is_old_nothing_is_told(engine: Engine) -> None:
    save(engine, "mlflow")
    assert prune(engine) == []


def test_pruning_ends_when_the_daemon_stops(engine: Engine) -> None:
    delivered(engine)
    assert prune(engine, should_stop=True) == []


@pytest.mark.usefixtures("_another_daemon")
def test_what_another_daemon_prunes_is_left_to_it(engine: Engine) -> None:
    delivered(engine)
    assert prune(engine) == []
