"""What PostgreSQL does that a file doesn't: sessions end, servers restart, hosts disagree on the time."""

from __future__ import annotations

import os
import random
import resource
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, insert, make_url, select, text

from fairmind_sync.daemon.housekeeping import Housekeeping
from fairmind_sync.errors import DiskFullError, StorageError
from fairmind_sync.outbox import claims, counters, decisions, outcomes, provider_state, workload
from fairmind_sync.outbox.idempotency import save_once
from fairmind_sync.outbox.saving import save_all
from fairmind_sync.providers.base import Ledger
from fairmind_sync.relay import sweep
from fairmind_sync.relay.relay import Relay
from fairmind_sync.storage import engine as opening
from fairmind_sync.storage import postgresql, schema
from fairmind_sync.storage.commit_watch import CommitWatch
from fairmind_sync.storage.engine import current_time, open_engine, reading, writing
from fairmind_sync.storage.locks import advisory_lock, try_advisory_lock
from fairmind_sync.storage.tables import attempts_table, delivery_counts_table, results_table
from fairmind_sync.storage.tables import outbox_table as deliveries
from fairmind_sync.testing import FakeProvider, new_result
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import LEASE, claim, claimed, dead, delivered, save
from tests.support.postgres import PostgresServer, postgres_server, session_limits
from tests.support.processes import eventually

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
MINUTE = timedelta(minutes=1)
Listening: TypeAlias = psycopg.Connection[tuple[Any, ...]]
PASSWORD = "s3cret-of-nobody"  # noqa: S105 nobody's


@pytest.fixture
def watch(engine: Engine) -> Iterator[CommitWatch]:
    with closing(CommitWatch(engine)) as watch:
        yield watch


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """One that a test may kill."""
    with postgres_server() as server:
        yield server


def end_all_sessions(postgres: PostgresServer) -> None:
    class Always(random.Random):
        def random(self) -> float:
            return 0.0

    postgres.end_sessions(Always())


@on_postgresql
def test_a_session_that_the_server_ended_is_replaced(
    engine: Engine, postgres: PostgresServer
) -> None:
    save(engine, "mlflow")
    end_all_sessions(postgres)
    assert save(engine, "mlflow").is_new


@on_postgresql
def test_a_session_that_ends_in_the_middle_stores_nothing(
    engine: Engine, postgres: PostgresServer
) -> None:
    def save_twice() -> None:
        with writing(engine) as connection:
            save_all(connection, [new_result()], ["mlflow"], NOW)
            end_all_sessions(postgres)
            save_all(connection, [new_result()], ["mlflow"], NOW)

    with pytest.raises(StorageError, match="can't be used"):
        save_twice()
    assert rows(engine, results_table) == []


def test_a_server_that_was_killed_and_is_back_is_used_again(own_server: PostgresServer) -> None:
    engine = open_engine(own_server.url(own_server.new_database_of_today()))
    save(engine, "mlflow")
    own_server.stop(signal.SIGKILL)
    own_server.start()
    save(engine, "mlflow")
    assert len(rows(engine, results_table)) == 2
    engine.dispose()


def test_a_server_that_is_away_is_an_error_that_says_so(own_server: PostgresServer) -> None:
    engine = open_engine(own_server.url(own_server.new_database_of_today()))
    own_server.stop()
    with pytest.raises(StorageError, match=r"(?s)can't be used: .*Check that its server runs"):
        save(engine, "mlflow")


def test_an_error_does_not_repeat_the_password(own_server: PostgresServer) -> None:
    url = make_url(own_server.url("nowhere")).set(password=PASSWORD)
    with pytest.raises(StorageError) as raised:
        schema.create_if_missing(open_engine(url))
    assert PASSWORD not in str(raised.value)


@on_postgresql
def test_a_full_disk_is_told(engine: Engine) -> None:
    class FullError(Exception):
        sqlstate = "53100"

    assert isinstance(postgresql.explained(engine, FullError("no space left")), DiskFullError)


@pytest.fixture
def listener(engine: Engine, postgres: PostgresServer) -> Iterator[Listening]:
    with postgres.connect(str(engine.url.database)) as connection:
        connection.execute(f"LISTEN {postgresql.CHANNEL}")
        yield connection


def is_told(listener: Listening) -> bool:
    """What is sent after it is heard after it: at the mark, the rest must have come."""
    listener.execute(f"NOTIFY {postgresql.CHANNEL}, 'mark'")
    heard = []
    while "mark" not in heard:
        heard += [one.payload for one in listener.notifies(timeout=10, stop_after=1)]
    return len(heard) > 1


@on_postgresql
def test_daemons_are_told_of_a_save(engine: Engine, listener: Listening) -> None:
    save(engine, "mlflow")
    assert is_told(listener)


@on_postgresql
def test_they_are_told_of_a_retry(engine: Engine, listener: Listening) -> None:
    delivery = dead(engine)
    is_told(listener)
    with writing(engine) as connection:
        decisions.retry(connection, [delivery.id], NOW)
    assert is_told(listener)


@on_postgresql
def test_they_are_told_of_a_resumed_provider(engine: Engine, listener: Listening) -> None:
    with writing(engine) as connection:
        provider_state.pause(connection, "mlflow", NOW)
    is_told(listener)
    with writing(engine) as connection:
        provider_state.resume(connection, "mlflow", NOW)
    assert is_told(listener)


@on_postgresql
def test_they_are_not_told_of_what_gives_them_nothing_to_do(
    engine: Engine, listener: Listening
) -> None:
    save(engine, "mlflow")
    is_told(listener)
    claim(engine)
    assert not is_told(listener)


@on_postgresql
def test_of_saves_at_once_one_tells(engine: Engine, listener: Listening) -> None:
    """Else each would keep the others from committing."""
    with writing(engine) as connection:
        save_all(connection, [new_result()], ["mlflow"], NOW)
        save(engine, "mlflow")
        is_told_early = is_told(listener)
    assert (is_told_early, is_told(listener)) == (False, True)


@on_postgresql
def test_a_watch_notices_a_save(engine: Engine, watch: CommitWatch) -> None:
    save(engine, "mlflow")
    assert eventually(watch.has_changed)


@on_postgresql
def test_a_watch_has_a_second_look_for_those_that_did_not_tell(
    engine: Engine, watch: CommitWatch
) -> None:
    save(engine, "mlflow")
    eventually(watch.has_changed)
    assert eventually(watch.has_changed)


@on_postgresql
def test_a_watch_is_silent_after_that(engine: Engine, watch: CommitWatch) -> None:
    save(engine, "mlflow")
    eventually(watch.has_changed)
    eventually(watch.has_changed)
    assert not watch.has_changed()


@on_postgresql
def test_a_watch_that_lost_its_session_says_so(
    watch: CommitWatch, postgres: PostgresServer
) -> None:
    end_all_sessions(postgres)
    with pytest.raises(StorageError, match="can't be used"):
        eventually(watch.has_changed)


@on_postgresql
def test_a_process_with_more_than_a_thousand_open_files_can_use_it(engine: Engine) -> None:
    """The limit of select(2), which a busy backend is beyond."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    engine.dispose()
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        for _ in range(1100):
            stack.enter_context(Path(os.devnull).open())
        assert rows(engine, deliveries) == []


@on_postgresql
def test_the_time_is_the_servers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, postgres: PostgresServer
) -> None:
    monkeypatch.setattr(opening, "utc_now", lambda: NOW - timedelta(days=365))
    with postgres.connect() as connection:
        (server_time,) = connection.execute("SELECT clock_timestamp()").fetchone() or ()
    assert abs(current_time(engine) - server_time) < MINUTE


@on_postgresql
def test_the_time_goes_on_between_two_questions(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = postgresql.Clock()
    first = clock.now(engine)
    steady = postgresql._steady_s()
    monkeypatch.setattr(postgresql, "_steady_s", lambda: steady + 4)
    assert timedelta(seconds=3) < clock.now(engine) - first < timedelta(seconds=5)


@on_postgresql
def test_the_time_is_asked_for_again_after_a_while(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that slept, or a server that another one took over from."""
    clock = postgresql.Clock()
    first = clock.now(engine)
    steady = postgresql._steady_s()
    monkeypatch.setattr(postgresql, "_steady_s", lambda: steady + 3600)
    assert clock.now(engine) - first < MINUTE


@on_postgresql
def test_only_one_gets_in(engine: Engine) -> None:
    with try_advisory_lock(engine, "tidy") as first, try_advisory_lock(engine, "tidy") as second:
        assert (first, second) == (True, False)


@on_postgresql
def test_another_gets_in_afterwards(engine: Engine) -> None:
    with try_advisory_lock(engine, "tidy"):
        pass
    with try_advisory_lock(engine, "tidy") as is_ours:
        assert is_ours


@on_postgresql
def test_what_is_another_matter_gets_in(engine: Engine) -> None:
    with try_advisory_lock(engine, "tidy"), try_advisory_lock(engine, "prune") as is_ours:
        assert is_ours


@on_postgresql
def test_folded_counts_are_the_same(engine: Engine) -> None:
    add_strays(engine)
    with writing(engine) as connection:
        counters.fold_delivery_counts(connection)
    with reading(engine) as connection:
        counts = workload.backlog(connection, "wandb").counts
    assert counts == {"pending": 1, "delivered": 0, "dead": 100, "discarded": 0}


@on_postgresql
def test_folded_counts_take_a_row_each(engine: Engine) -> None:
    add_strays(engine)
    with writing(engine) as connection:
        counters.fold_delivery_counts(connection)
    assert len(rows(engine, delivery_counts_table)) == 2 * 4


@dataclass
class SweptProvider(FakeProvider):
    """Counts how often it was asked to compare."""

    sweeps: int = 0

    def sweep(self, _suspects: Sequence[str], _ledger: Ledger) -> None:
        self.sweeps += 1


@on_postgresql
def test_one_daemon_tidies_at_a_time(engine: Engine) -> None:
    add_strays(engine)
    daemon = Housekeeping(engine)
    with try_advisory_lock(engine, "tidy"):
        daemon.tidy()
    left = len(rows(engine, delivery_counts_table))
    daemon.tidy()
    assert left > 100 > len(rows(engine, delivery_counts_table))


@on_postgresql
def test_one_daemon_prunes_at_a_time(engine: Engine) -> None:
    delivered(engine)  # long ago
    prune = partial(Housekeeping(engine).prune, timedelta(days=1), lambda: False)
    with try_advisory_lock(engine, "prune"):
        prune()
    (before,) = rows(engine, results_table)
    prune()
    (after,) = rows(engine, results_table)
    assert (before.erased_at, after.erased_at is None) == (None, False)


@on_postgresql
def test_one_worker_sweeps_a_provider_at_a_time(engine: Engine) -> None:
    suspect = claimed(engine, now=current_time(engine))
    with writing(engine) as connection:
        outcomes.note_creating(connection, suspect, "somewhere", current_time(engine))
    provider = SweptProvider()
    with try_advisory_lock(engine, "sweep mlflow"):
        sweep.sweep(engine, provider)
    before = provider.sweeps
    sweep.sweep(engine, provider)
    assert (before, provider.sweeps) == (0, 1)


def add_strays(engine: Engine) -> None:
    """Counts as a hundred writes leave them."""
    save(engine, "wandb")
    with writing(engine) as connection:
        stray = {"provider": "wandb", "status": "dead", "count": 1}
        connection.execute(insert(delivery_counts_table), [stray] * 100)


@on_postgresql
def test_statements_are_prepared_by_a_server_that_is_asked_directly(engine: Engine) -> None:
    with reading(engine) as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.prepare_threshold == 5


@on_postgresql
def test_no_session_waits_for_ever(engine: Engine) -> None:
    assert session_limits(engine) == ["30s", "1min"]


@on_postgresql
def test_turns_are_taken(engine: Engine) -> None:
    """Who reads first and then writes what follows from that reads what the one before wrote."""
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE counter AS SELECT 0 AS n"))
    start = threading.Barrier(4)

    def count_up(_number: int) -> None:
        start.wait()
        for _ in range(25):
            with writing(engine) as connection:
                advisory_lock(connection, "counter")
                counted = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": counted + 1})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count_up, range(4)))
    with reading(engine) as connection:
        assert connection.execute(text("SELECT n FROM counter")).scalar_one() == 100


@on_postgresql
def test_claims_at_once_take_other_deliveries(engine: Engine) -> None:
    for number in range(40):
        save(engine, "mlflow", test_id=f"test-{number}")
    start = threading.Barrier(4)

    def take(_number: int) -> list[int]:
        start.wait()
        return [delivery.id for delivery in claim(engine, limit=10)]

    with ThreadPoolExecutor(4) as pool:
        taken = [id_ for ids in pool.map(take, range(4)) for id_ in ids]
    assert len(set(taken)) == len(taken) > 10


@on_postgresql
def test_a_claim_passes_by_what_another_transaction_holds(engine: Engine) -> None:
    for number in range(10):
        save(engine, "mlflow", test_id=f"test-{number}")
    first = select(deliveries.c.id).order_by(deliveries.c.id).limit(5).with_for_update()
    with writing(engine) as connection:
        held = set(connection.execute(first).scalars())
        taken = {delivery.id for delivery in claim(engine, limit=10)}
    assert (len(taken), taken & held) == (5, set())


@on_postgresql
@pytest.mark.parametrize("limit", [{"most": 15}, {"most_a_second": 3}], ids=lambda limit: [*limit])
def test_no_more_are_claimed_than_allowed_however_many_claim_at_once(
    engine: Engine, limit: dict[str, int]
) -> None:
    for number in range(40):
        save(engine, "mlflow", test_id=f"test-{number}")
    start = threading.Barrier(4)

    def take(_number: int) -> int:
        start.wait()
        with writing(engine) as connection:
            room = claims.room(connection, "mlflow", NOW, **limit)
            taken = claims.claim(
                connection, "mlflow", limit=min(10, room), lease=LEASE, worker="host:1", now=NOW
            )
        return len(taken)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(take, range(4))) == 15


@on_postgresql
def test_daemons_share_the_work_evenly(engine: Engine) -> None:
    for number in range(200):
        save(engine, "mlflow", test_id=f"test-{number}")
    start = threading.Barrier(4)

    def drain(number: int) -> None:
        relay = Relay(engine, FakeProvider(batch_size=5), max_attempts=3, worker=f"host:{number}")
        with reading(engine):  # each has its connection then
            start.wait()
        relay.drain()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(drain, range(4)))
    shares = Counter(row.worker for row in rows(engine, attempts_table))
    assert (shares.total(), len(shares), min(shares.values()) >= 25) == (200, 4, True)


@on_postgresql
def test_one_daemon_probes_for_all(engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.note_offline(
            connection, "mlflow", "no route", after=MINUTE, chance=random.Random(1), now=NOW
        )
    later = NOW + timedelta(hours=2)
    start = threading.Barrier(4)

    def take(_number: int) -> bool:
        start.wait()
        with writing(engine) as connection:
            return provider_state.take_probe(connection, "mlflow", later)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(take, range(4))) == [False, False, False, True]


@on_postgresql
def test_batches_of_the_same_tests_in_another_order_end(engine: Engine) -> None:
    """Two transactions that wait for each other's tests would be undone by the server."""
    new = [new_result(test_id=f"test-{number}") for number in range(300)]
    start = threading.Barrier(4)

    def store(number: int) -> None:
        start.wait()
        with writing(engine) as connection:
            save_all(connection, new if number % 2 else new[::-1], ["mlflow", "wandb"], NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(store, range(4)))
    assert (len(rows(engine, results_table)), len(rows(engine, deliveries))) == (300, 600)


@on_postgresql
def test_a_request_that_comes_twice_at_once_is_saved_once(engine: Engine) -> None:
    new = new_result()
    start = threading.Barrier(2)

    def store(_number: int) -> int:
        start.wait()
        with writing(engine) as connection:
            return save_once(connection, "key", new, ["mlflow"], NOW).result_id

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(store, range(2)))) == 1


@on_postgresql
def test_reading_sees_one_state(engine: Engine) -> None:
    with reading(engine) as connection:
        before = len(connection.execute(results_table.select()).all())
        save(engine, "mlflow")
        after = len(connection.execute(results_table.select()).all())
    assert (before, after) == (0, 0)


@on_postgresql
def test_a_connection_that_read_can_write_again(engine: Engine) -> None:
    """The isolation of reads goes with them: a write must see what others committed since."""
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(reading(engine))
    with writing(engine) as connection:
        level = connection.execute(text("SHOW transaction_isolation")).scalar_one()
    assert level == "read committed"


def test_a_missing_driver_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_arguments: object, **_options: object) -> Engine:
        raise ModuleNotFoundError(name="psycopg")

    monkeypatch.setattr(postgresql, create_engine.__name__, missing)
    with pytest.raises(StorageError, match=r"pip install 'fairmind-sync\[postgres\]'"):
        open_engine("postgresql+psycopg://h/db")
