"""What many daemons and producers do on one PostgreSQL database at once."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, insert, select

from fairmind_sync.daemon.housekeeping import Housekeeping
from fairmind_sync.outbox import claims, counters, outcomes, provider_state, workload
from fairmind_sync.outbox.idempotency import save_once
from fairmind_sync.outbox.saving import save_all
from fairmind_sync.providers.base import Ledger
from fairmind_sync.relay import sweep
from fairmind_sync.relay.loop import Relay
from fairmind_sync.storage.advisory_locks import try_advisory_lock
from fairmind_sync.storage.engine import current_time, reading, writing
from fairmind_sync.storage.tables import attempts_table, delivery_counts_table, results_table
from fairmind_sync.storage.tables import outbox_table as deliveries
from fairmind_sync.testing import FakeProvider, new_result
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import LEASE, claim, claimed, delivered, save

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
MINUTE = timedelta(minutes=1)


@on_postgresql
def test_folded_counts_are_the_same(engine: Engine) -> None:
    add_strays(engine)
    with writing(engine) as connection:
        counters.fold_delivery_counts(connection)
    with reading(engine) as connection:
        counts = workload.backlog(connection, "wandb").counts
    assert counts == {"pending": 1, "handed_over": 0, "delivered": 0, "dead": 100, "discarded": 0}


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
