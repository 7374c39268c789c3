"""The thread that looks for commits, a clock that was set, and the workers."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from fairmind_sync.daemon import watcher
from fairmind_sync.daemon.commit_debounce import Debounce
from fairmind_sync.daemon.watcher import Watcher
from fairmind_sync.errors import StorageError
from tests.support.log_events import captured_logs

HOUR = timedelta(hours=1)


class Pool:
    """The workers, of which none is there."""

    is_draining = False
    is_warm = False

    def __init__(self) -> None:
        self.tended = 0

    def tend_now_and_then(self) -> None:
        self.tended += 1


class Commits:
    """Somebody has committed something, or nobody has."""

    def __init__(self, *changes: bool) -> None:
        self._changes = list(changes)
        self.is_closed = False

    def has_changed(self) -> bool:
        return self._changes.pop(0)

    def close(self) -> None:
        self.is_closed = True


class Jumps:
    """A clock that was set so far since the last look."""

    def __init__(self, *jumps: timedelta) -> None:
        self._jumps = list(jumps)

    def jump(self) -> timedelta:
        return self._jumps[0]

    def settle(self) -> None:
        del self._jumps[0]


class Seen:
    """A watcher, and what it told."""

    def __init__(self, engine: Engine) -> None:
        self.commits = 0
        self.jumps: list[timedelta] = []
        self.pool = Pool()
        self.stopping = threading.Event()
        self.watcher = Watcher(
            engine,
            cast("Any", self.pool),
            self.stopping,
            on_commit=self._commit,
            on_clock_set=self.jumps.append,
        )

    def _commit(self) -> None:
        self.commits += 1

    def look(self, commits: Commits) -> None:
        self.watcher._look(cast("Any", commits))


@pytest.fixture
def seen(engine: Engine) -> Seen:
    return Seen(engine)


def test_a_commit_is_told(seen: Seen) -> None:
    commits = Commits(False, True, False)
    told = []
    for _ in range(3):
        seen.look(commits)
        told.append(seen.commits)
    assert told == [0, 1, 1]


def test_commits_of_a_drain_are_told_together(seen: Seen) -> None:
    seen.watcher._debounce = Debounce(lambda: 0.0)
    seen.pool.is_draining = True
    commits = Commits(True, True, True)
    for _ in range(3):
        seen.look(commits)
    assert seen.commits == 1


def test_a_clock_that_was_set_is_told_once(seen: Seen) -> None:
    seen.watcher._clock = cast("Any", Jumps(-HOUR, timedelta()))
    for _ in range(3):
        seen.look(Commits(False))
    assert seen.jumps == [-HOUR]


def test_a_clock_that_was_set_while_the_database_is_locked_is_told_again(seen: Seen) -> None:
    def refuse(_jump: timedelta) -> None:
        raise StorageError("the database is locked")

    seen.watcher._clock = cast("Any", Jumps(-HOUR, timedelta()))
    tell, seen.watcher._on_clock_set = seen.watcher._on_clock_set, refuse
    with pytest.raises(StorageError):
        seen.look(Commits(False))
    seen.watcher._on_clock_set = tell
    seen.look(Commits(False))
    assert seen.jumps == [-HOUR]


def test_each_look_tends_the_workers(seen: Seen) -> None:
    for _ in range(3):
        seen.look(Commits(False))
    assert seen.pool.tended == 3


def test_while_a_process_is_warm_the_looks_are_closer(seen: Seen) -> None:
    idle = seen.watcher._interval_s()
    seen.pool.is_warm = True
    assert seen.watcher._interval_s() < idle <= 1


def test_a_watcher_ends_when_the_daemon_stops(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = Commits()
    seen.watcher._watch = lambda: cast("Any", commits)
    monkeypatch.setattr(Watcher, "_look", lambda _watcher, _commits: seen.stopping.set())
    seen.watcher.start()
    seen.watcher.join()
    assert (commits.is_closed, seen.watcher._thread.is_alive()) == (True, False)


def test_a_database_that_can_not_be_watched_is_tried_again(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Commits] = []

    def open_watch() -> Any:
        opened.append(Commits())
        if len(opened) == 1:
            raise StorageError("the disk is gone")
        return opened[-1]

    seen.watcher._watch = open_watch
    monkeypatch.setattr(watcher, "_PAUSE_AFTER_ERROR_S", 0.0)
    monkeypatch.setattr(Watcher, "_look", lambda _watcher, _commits: seen.stopping.set())
    with captured_logs() as events:
        seen.watcher.start()
        seen.watcher.join()
    assert (len(opened), [(event["event"], event["reason"]) for event in events]) == (
        2,
        [("watch.failed", "the disk is gone")],
    )
