"""The daemon's parts as they are wired together: what starts, what each end leads to, what stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import repeat
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.daemon import scheduler
from fairmind_sync.daemon.housekeeping import Housekeeping
from fairmind_sync.daemon.machine import Machine
from fairmind_sync.daemon.scheduler import Scheduler
from fairmind_sync.daemon.worker_slot import SlotState
from fairmind_sync.errors import StorageError
from fairmind_sync.outbox import heartbeat, provider_state
from fairmind_sync.outbox.claims import LEASE
from fairmind_sync.relay import sweep
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import heartbeat_table, outbox_table
from tests.daemon.fakes import FakeTimers, save_due
from tests.support.databases import rows
from tests.support.deliveries import claim, save
from tests.support.log_events import captured_logs

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Ended:
    """As APScheduler tells the end of a piece of work."""

    job_id: str
    exception: Exception | None = None


MACHINE = Machine(timers=FakeTimers)


@pytest.fixture
def made(engine: Engine, configured: Settings) -> Iterator[Any]:
    """A scheduler that is not started; its private parts are looked at."""
    made = Scheduler(engine, configured, machine=MACHINE)
    yield made
    for slot in made._pool:
        slot.empty()


@pytest.fixture
def running(made: Any) -> Iterator[Any]:
    made.start()
    yield made
    made.stop()


def ended(running: Any, name: str, exception: Exception | None = None) -> list[Any]:
    with captured_logs() as events:
        running._on_ended(Ended(name, exception))
    return [(event["event"], event["job"], event["reason"]) for event in events]


def test_a_daemon_that_starts_is_alive_and_looks_at_once(
    engine: Engine, running: Any, configured: Settings
) -> None:
    with reading(engine) as connection:
        assert heartbeat.any_alive(connection, utc_now())
    assert running._timers.is_running


def test_a_daemon_that_starts_drains_what_was_due(engine: Engine, made: Any) -> None:
    save_due(engine, "mlflow")
    made.start()
    made.stop()
    assert [name for name, *_ in made._timers.drains] == ["mlflow"]


def test_a_daemon_that_starts_probes_what_was_not_ready(engine: Engine, made: Any) -> None:
    with writing(engine) as connection:
        provider_state.note_blocked(connection, "mlflow", "no key", chance=Random(1), now=utc_now())
    made.start()
    made.stop()
    with reading(engine) as connection:
        assert provider_state.read(connection, "mlflow").may_try(utc_now())


def test_a_daemon_that_starts_leaves_nothing_due_in_a_day(engine: Engine, made: Any) -> None:
    """A clock that ran ahead when that was written has been set back since."""
    save(engine, "mlflow", now=utc_now() + DAY)
    made.start()
    made.stop()
    assert rows(engine, outbox_table)[0].due_at <= utc_now()


@pytest.mark.parametrize("part", ["_watcher.start", "_dispatcher.look"])
def test_a_daemon_whose_start_fails_leaves_nothing_running(
    engine: Engine, made: Any, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """It did, beside the scheduler that a take-over started next."""

    def fail() -> None:
        raise StorageError("the database is locked")

    name, _, verb = part.partition(".")
    monkeypatch.setattr(getattr(made, name), verb, fail)
    with pytest.raises(StorageError, match="is locked"):
        made.start()
    assert (made._timers.is_running, made._watcher._thread.is_alive()) == (False, False)
    assert rows(engine, heartbeat_table) == []


def test_every_chore_has_its_interval(running: Any, configured: Settings) -> None:
    assert running._timers.regular == {
        "beat": heartbeat.INTERVAL,
        "look": configured.poll_interval,
        "tidy": timedelta(minutes=1),
        "sweep": sweep.INTERVAL,
    }


def test_the_first_sweep_comes_sooner_than_the_others(running: Any) -> None:
    """A daemon that is restarted each few minutes would never sweep."""
    first = (sweep.INTERVAL / 2, running._dispatcher.sweep)
    assert running._timers.waiting["first-sweep"] == first


def test_with_a_retention_there_is_pruning(engine: Engine, configured: Settings) -> None:
    keeping = configured.model_copy(update={"retention": 5 * HOUR})
    made = Scheduler(engine, keeping, machine=MACHINE)
    made._set_timers()
    assert made._timers.regular["prune"] == HOUR / 2  # type: ignore[attr-defined]  # the fake's


def test_a_daemon_that_stopped_is_gone(engine: Engine, made: Any) -> None:
    made.start()
    made.stop()
    assert (rows(engine, heartbeat_table), made._timers.is_running) == ([], False)
    assert not made._watcher._thread.is_alive()
    assert all(slot._flags.stop.value for slot in made._pool)


def test_a_daemon_whose_database_is_gone_still_stops(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_chores: object) -> None:
        raise StorageError("the disk is gone")

    made.start()
    monkeypatch.setattr(Housekeeping, "stop", fail)
    made.stop()
    assert not made._timers.is_running


def test_the_end_of_a_drain_frees_its_slot_and_calls_for_a_look(running: Any) -> None:
    slot = running._pool.get("mlflow")
    slot.begin_drain()
    assert ended(running, "mlflow") == []
    assert (slot.state, running._timers.waiting["look-soon"][0]) == (SlotState.FREE, timedelta())


def test_a_drain_that_failed_is_told(running: Any) -> None:
    slot = running._pool.get("mlflow")
    slot.begin_drain()
    told = ended(running, "mlflow", ValueError("a bug"))
    assert (told, slot.is_broken) == ([("worker.failed", "mlflow", "ValueError('a bug')")], True)


def test_a_timer_that_failed_is_told_and_calls_for_no_look(running: Any) -> None:
    running._timers.waiting.clear()
    told = ended(running, "tidy", ValueError("a bug"))
    assert told == [("timer.failed", "tidy", "ValueError('a bug')")]
    assert running._timers.waiting == {}


def test_a_timers_end_is_no_news(running: Any) -> None:
    running._timers.waiting.clear()
    assert (ended(running, "beat"), running._timers.waiting) == ([], {})


def test_a_drain_that_ends_while_the_daemon_stops_calls_for_no_look(made: Any) -> None:
    made._stopping.set()
    made._pool.get("mlflow").begin_drain()
    ended(made, "mlflow")
    assert made._timers.waiting == {}


def test_a_commit_calls_for_a_look_at_once(made: Any) -> None:
    made._watcher._on_commit()
    assert made._timers.waiting["look-soon"] == (timedelta(), made._dispatcher.look)


def leased(engine: Engine) -> None:
    """By a worker whose clock ran an hour ahead, as this host's did."""
    save(engine, "mlflow", now=utc_now() + HOUR)
    claim(engine, now=utc_now() + HOUR)


@pytest.mark.parametrize(("jump", "is_corrected"), [(-HOUR, True), (HOUR, False)])
def test_leases_follow_a_clock_that_was_set_back(
    engine: Engine, made: Any, jump: timedelta, is_corrected: bool
) -> None:
    leased(engine)
    with captured_logs() as events:
        made._on_clock_set(jump)
    (row,) = rows(engine, outbox_table)
    assert (row.lease_expires_at <= utc_now() + LEASE) is is_corrected
    assert [(event["event"], event["seconds"]) for event in events] == [
        ("clock.set", jump.total_seconds())
    ]


def start_and_stop(made: Any) -> None:
    made.start()
    made.stop()


def hear_of_the_clock(made: Any) -> None:
    made._on_clock_set(-HOUR)


@pytest.mark.parametrize("correct", [start_and_stop, hear_of_the_clock])
def test_a_lease_that_is_claimed_before_the_daemons_turn_to_write_stays(
    engine: Engine, made: Any, monkeypatch: pytest.MonkeyPatch, correct: Callable[[Any], None]
) -> None:
    """The daemon stood still for an hour before its turn, while another worker went on."""
    began = utc_now()
    clock = iter([began])

    @contextmanager
    def an_hour_later(engine: Engine) -> Iterator[Connection]:
        nonlocal clock
        leased(engine)
        clock = repeat(began + HOUR)
        with writing(engine) as connection:
            yield connection

    monkeypatch.setattr(scheduler, "writing", an_hour_later)
    monkeypatch.setattr(scheduler, "current_time", lambda _engine: next(clock))
    correct(made)
    (row,) = rows(engine, outbox_table)
    assert row.lease_expires_at > began + HOUR


def test_no_slot_and_no_timer_waits_for_an_hour_that_has_passed(made: Any) -> None:
    slot = made._pool.get("mlflow")
    slot.not_before = utc_now() + HOUR
    made._on_clock_set(-HOUR)
    assert slot.may_start(utc_now())
    assert len(made._timers.all_at) == 1


def test_a_slot_that_may_start_already_is_not_kept_back(made: Any) -> None:
    slot = made._pool.get("mlflow")
    before = slot.not_before
    made._on_clock_set(HOUR)
    assert slot.not_before == before
