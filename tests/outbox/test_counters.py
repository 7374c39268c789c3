"""Counts that are kept while deliveries are recorded: of attempts, of latencies, of deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert

from fairmind_sync.outbox import counters
from fairmind_sync.outbox.counters import BUCKETS, UNLIMITED, AttemptCount, LatencyCount
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import delivery_counts_table
from tests.support.databases import opened
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.both_databases

MOMENT = timedelta(microseconds=1)
WORTH_FOLDING = 65
"""Rows of counts."""


def latencies(engine: Engine, *seconds: float) -> list[LatencyCount]:
    with writing(engine) as connection:
        for one in seconds:
            counters.count_latency(connection, "mlflow", timedelta(seconds=one))
    with reading(engine) as connection:
        return counters.latencies(connection)


def test_a_latency_counts_in_the_first_bucket_that_holds_it(engine: Engine) -> None:
    found = latencies(engine, 0.05, 0.1, 0.2)
    assert [(one.up_to_seconds, one.count) for one in found] == [(0.1, 2), (0.25, 1)]


def test_the_seconds_of_a_bucket_are_summed_up(engine: Engine) -> None:
    assert latencies(engine, 2.0, 1.5) == [LatencyCount("mlflow", 2.5, 2, 3.5)]


def test_whatever_takes_longer_than_a_day_has_a_bucket(engine: Engine) -> None:
    day = timedelta(days=1)
    found = latencies(engine, day.total_seconds(), (day + MOMENT).total_seconds())
    assert [one.up_to_seconds for one in found] == [86400.0, UNLIMITED]


def test_a_clock_that_was_set_back_counts_as_no_time(engine: Engine) -> None:
    assert latencies(engine, -3600.0) == [LatencyCount("mlflow", BUCKETS[0], 1, 0.0)]


def test_latencies_are_read_by_provider_and_bucket(engine: Engine) -> None:
    with writing(engine) as connection:
        for provider, seconds in (("wandb", 1), ("mlflow", 100), ("mlflow", 1), ("wandb", 0)):
            counters.count_latency(connection, provider, timedelta(seconds=seconds))
        found = counters.latencies(connection)
    assert [(one.provider, one.up_to_seconds) for one in found] == [
        ("mlflow", 1.0),
        ("mlflow", 300.0),
        ("wandb", 0.1),
        ("wandb", 1.0),
    ]


def test_attempts_are_counted_by_outcome_and_kind(engine: Engine) -> None:
    with writing(engine) as connection:
        for provider, outcome, kind in (
            ("mlflow", "delivered", None),
            ("mlflow", "delivered", None),
            ("mlflow", "retry", "uncertain"),
            ("wandb", "retry", "uncertain"),
            ("mlflow", "retry", "upload_failed"),
        ):
            counters.count_attempt(connection, provider, outcome, kind)
        found = counters.attempts(connection)
    assert {(one.provider, one.outcome, one.error_kind): one.count for one in found} == {
        ("mlflow", "delivered", ""): 2,
        ("mlflow", "retry", "uncertain"): 1,
        ("wandb", "retry", "uncertain"): 1,
        ("mlflow", "retry", "upload_failed"): 1,
    }
    assert all(isinstance(one, AttemptCount) for one in found)


def fill(engine: Engine, count: int) -> int:
    """So many rows in all, one for each write; returns how many are left after a fold."""
    with writing(engine) as connection:
        connection.execute(delivery_counts_table.delete())
        row = {"provider": "mlflow", "status": "pending", "count": 1}
        connection.execute(insert(delivery_counts_table), [row] * (count - 1))
        connection.execute(insert(delivery_counts_table), [row | {"status": "dead"}])
        counters.fold_delivery_counts(connection)
        left = connection.execute(delivery_counts_table.select()).all()
    assert sum(one._mapping["count"] for one in left) == count
    return len(left)


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[Engine]:
    """Where each write adds a row; a file keeps one for each provider and status, and needs no fold."""
    name = postgres.new_database_of_today()
    with opened(postgres.url(name)) as engine:
        yield engine
    postgres.drop(name)


def test_many_rows_of_counts_in_postgresql_become_one_for_each_pair(server: Engine) -> None:
    assert fill(server, WORTH_FOLDING) == 2


def test_few_rows_of_counts_in_postgresql_are_left_as_they_are(server: Engine) -> None:
    assert fill(server, WORTH_FOLDING - 1) == WORTH_FOLDING - 1
