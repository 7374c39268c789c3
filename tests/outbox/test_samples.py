"""How providers stood over time: what is sampled, how often, and what is made of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import samples
from fairmind_sync.outbox.samples import Sample
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import latency_counts_table
from tests.support.clock import NOW
from tests.support.deliveries import dead, delivered, save

MINUTE = timedelta(minutes=1)
AT = NOW.replace(minute=NOW.minute // 5 * 5, second=0, microsecond=0)


def take(engine: Engine, now: datetime) -> None:
    with writing(engine) as connection:
        samples.take(connection, now)


def taken(engine: Engine, provider: str = "mlflow") -> list[Sample]:
    with reading(engine) as connection:
        return samples.since(connection, provider, NOW - timedelta(days=30))


@pytest.mark.both_databases
def test_a_sample_counts_the_providers_deliveries_by_status(engine: Engine) -> None:
    delivered(engine)
    dead(engine)
    save(engine, "mlflow", "wandb")
    take(engine, NOW)
    (sample,) = taken(engine)
    assert (sample.at, sample.pending, sample.dead, sample.delivered) == (AT, 1, 1, 1)
    assert [one.pending for one in taken(engine, "wandb")] == [1]


@pytest.mark.both_databases
def test_five_minutes_have_one_sample_the_first(engine: Engine) -> None:
    take(engine, AT)
    save(engine, "mlflow")
    take(engine, AT + 4 * MINUTE)
    assert [one.pending for one in taken(engine)] == [0]
    take(engine, AT + 5 * MINUTE)
    assert [(one.at, one.pending) for one in taken(engine)] == [(AT, 0), (AT + 5 * MINUTE, 1)]


def test_samples_of_more_than_a_week_ago_are_forgotten(engine: Engine) -> None:
    take(engine, AT)
    take(engine, AT + samples.KEPT)
    assert len(taken(engine)) == 2
    take(engine, AT + samples.KEPT + samples.EVERY)
    assert [one.at for one in taken(engine)] == [
        AT + samples.KEPT,
        AT + samples.KEPT + samples.EVERY,
    ]


def sample(delivered: int, seconds: float) -> Sample:
    return Sample(NOW, 0, 0, delivered, seconds)


def test_throughput_and_latency_are_what_was_added() -> None:
    found = [sample(10, 100.0), sample(12, 101.0), sample(14, 106.0)]
    assert samples.throughput(found) == 4
    assert samples.latency(found) == timedelta(seconds=1.5)


def test_where_nothing_was_delivered_there_is_no_latency() -> None:
    assert samples.latency([sample(3, 9.0), sample(3, 9.0)]) is None
    assert samples.throughput([]) == 0


def test_a_count_that_falls_adds_nothing() -> None:
    assert samples.throughput([sample(10, 1.0), sample(2, 0.5), sample(3, 0.6)]) == 1


def test_how_long_deliveries_took_is_of_the_provider(engine: Engine) -> None:
    delivered(engine)
    with writing(engine) as connection:
        connection.execute(latency_counts_table.update().values(total_seconds=7.0))
    take(engine, NOW)
    assert [[one.seconds for one in taken(engine, of)] for of in ("mlflow", "wandb")] == [[7], [0]]
