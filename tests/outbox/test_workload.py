"""What waits, by its counts: for each provider, in all, and where there is nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import retry_discard, workload
from fairmind_sync.outbox.workload import Backlog
from fairmind_sync.provider_names import PROVIDERS, ProviderName
from fairmind_sync.results.states import STATUSES
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table
from tests.support.clock import NOW
from tests.support.deliveries import LEASE, claim, claimed, dead, delivered, save

pytestmark = pytest.mark.both_databases

MINUTE = timedelta(minutes=1)


def pending(engine: Engine) -> list[int]:
    with reading(engine) as connection:
        return [workload.pending(connection, name) for name in PROVIDERS]


def unfinished(engine: Engine, *providers: ProviderName) -> dict[str, int]:
    with reading(engine) as connection:
        return workload.unfinished(connection, providers or PROVIDERS)


def is_full(engine: Engine, most: int) -> bool:
    with reading(engine) as connection:
        return workload.is_backlog_full(connection, most)


def backlog(engine: Engine) -> Backlog:
    with reading(engine) as connection:
        return workload.backlog(connection, "mlflow")


def one_of_each(engine: Engine) -> None:
    """To MLflow one of each status, and two that wait; to W&B one that waits, and longer."""
    delivered(engine)
    dead(engine)
    save(engine, "mlflow")
    with writing(engine) as connection:
        retry_discard.discard(connection, [3], "no use", NOW)
    save(engine, "mlflow", now=NOW + MINUTE)
    save(engine, "mlflow")
    save(engine, "wandb", now=NOW - MINUTE)


def test_where_nothing_was_saved_nothing_waits(engine: Engine) -> None:
    assert (pending(engine), unfinished(engine), is_full(engine, 1)) == ([0, 0], {}, False)


def test_what_waits_is_counted_for_each_provider(engine: Engine) -> None:
    one_of_each(engine)
    assert dict(zip(PROVIDERS, pending(engine), strict=True)) == {"mlflow": 2, "wandb": 1}


def test_what_is_pending_or_dead_is_unfinished(engine: Engine) -> None:
    one_of_each(engine)
    assert unfinished(engine) == {"mlflow": 3, "wandb": 1}
    assert unfinished(engine, "wandb") == {"wandb": 1}


def test_a_provider_with_nothing_left_is_left_out(engine: Engine) -> None:
    delivered(engine)
    save(engine, "wandb")
    assert unfinished(engine) == {"wandb": 1}


def test_a_backlog_is_full_from_its_limit_on_by_what_is_pending_anywhere(engine: Engine) -> None:
    one_of_each(engine)
    assert [is_full(engine, most) for most in (2, 3, 4)] == [True, True, False]


def test_a_backlog_counts_each_status_and_tells_the_oldest_that_waits(engine: Engine) -> None:
    one_of_each(engine)
    found = backlog(engine)
    assert found.counts == {
        "pending": 2,
        "handed_over": 0,
        "delivered": 1,
        "dead": 1,
        "discarded": 1,
    }
    assert found.oldest_pending_at == NOW


def test_an_empty_backlog_has_none_of_each_status(engine: Engine) -> None:
    found = backlog(engine)
    assert found.counts == dict.fromkeys(STATUSES, 0)
    assert (found.oldest_pending_at, found.state.is_ready) == (None, True)


def has_work(engine: Engine, most: int | None = None) -> bool:
    with reading(engine) as connection:
        return workload.has_work(connection, "mlflow", NOW, most)


def test_there_is_no_work_where_all_that_may_be_is_under_way(engine: Engine) -> None:
    claimed(engine)
    save(engine, "mlflow")
    assert [has_work(engine, most) for most in (1, 2, None)] == [False, True, True]


def test_the_next_work_is_what_falls_due_or_loses_its_lease_first(engine: Engine) -> None:
    claimed(engine)
    save(engine, "mlflow", now=NOW + LEASE + MINUTE)
    save(engine, "wandb", now=NOW - LEASE)
    claim(engine, "wandb", now=NOW - LEASE / 2)
    with reading(engine) as connection:
        assert workload.read_all(connection)["mlflow"].next_at == NOW + LEASE
    save(engine, "mlflow", now=NOW + MINUTE / 2)
    with reading(engine) as connection:
        assert workload.read_all(connection)["mlflow"].next_at == NOW + MINUTE / 2


def test_what_lost_its_lease_waits_until_its_retry_is_due(engine: Engine) -> None:
    claimed(engine)
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(due_at=NOW + 2 * LEASE))
    with reading(engine) as connection:
        assert workload.read_all(connection)["mlflow"].next_at == NOW + 2 * LEASE


def newest_at(engine: Engine) -> datetime | None:
    with reading(engine) as connection:
        return workload.newest_at(connection)


def test_the_newest_delivery_is_the_last_that_was_queued(engine: Engine) -> None:
    """However its result is dated."""
    before = newest_at(engine)
    for at in (NOW, NOW + MINUTE, NOW - MINUTE):
        save(engine, "mlflow", now=at, created_at=NOW + 9 * MINUTE)
    assert (before, newest_at(engine)) == (None, NOW + MINUTE)
