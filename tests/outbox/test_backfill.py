"""Which saved results lack a delivery to a provider, and could be delivered still."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, update

from fairmind_sync.outbox import deletion
from fairmind_sync.outbox.enqueuing import enqueue, results_without
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table, results_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import claim, save

pytestmark = pytest.mark.both_databases


def without(engine: Engine, since: datetime | None = None, limit: int = 10) -> list[int]:
    with reading(engine) as connection:
        return results_without(connection, "wandb", since, limit)


def test_what_has_no_delivery_to_the_provider_is_found_oldest_first(engine: Engine) -> None:
    for providers in ((), ("wandb",), ("mlflow",), ("mlflow", "wandb")):
        save(engine, *providers)
    assert without(engine) == [1, 3]


def test_no_more_are_found_than_asked_for(engine: Engine) -> None:
    for _ in range(3):
        save(engine)
    assert without(engine, limit=2) == [1, 2]


def test_a_result_of_the_very_moment_is_new_enough(engine: Engine) -> None:
    save(engine, now=NOW - timedelta(microseconds=1))
    save(engine, now=NOW)
    assert without(engine, NOW) == [2]


def test_a_result_that_is_being_deleted_is_not_found(engine: Engine) -> None:
    """Its payload stays while a delivery is under way, and is erased at the end of that."""
    save(engine, "mlflow", test_id="t")
    claim(engine)
    with writing(engine) as connection:
        deletion.delete(connection, "t", "user-1", NOW)
    (row,) = rows(engine, results_table)
    assert (row.erased_at, without(engine)) == (None, [])


def test_a_result_whose_payload_was_erased_is_not_found(engine: Engine) -> None:
    save(engine)
    with writing(engine) as connection:
        connection.execute(update(results_table).values(erased_at=NOW))
    assert without(engine) == []


def test_to_enqueue_for_nobody_is_nothing(engine: Engine) -> None:
    save(engine)
    with writing(engine) as connection:
        enqueue(connection, [1], (), NOW)
    assert rows(engine, outbox_table) == []


def test_a_delivery_that_is_there_is_not_enqueued_again(engine: Engine) -> None:
    save(engine, "wandb")
    before = rows(engine, outbox_table)
    with writing(engine) as connection:
        enqueue(connection, [1], ["wandb"], NOW + timedelta(days=1))
    assert rows(engine, outbox_table) == before


def test_each_delivery_has_a_key_of_its_own(engine: Engine) -> None:
    for _ in range(2):
        save(engine, "wandb", "mlflow")
    keys = {row.delivery_key for row in rows(engine, outbox_table)}
    assert [len(key) for key in keys] == [32] * 4
