"""What is pruned, what keeps its payload, and what of a pruned result can still be found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, update

from fairmind_sync.outbox import (
    delivery_lookup,
    outcomes,
    pruning,
    repairs,
    result_lookup,
    retry_discard,
    saving,
    unclean_attempts,
)
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.outbox.enqueuing import enqueue, results_without
from fairmind_sync.outbox.unclean_attempts import SUSPECT_FOR
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import attempts_table, results_table
from fairmind_sync.storage.tables import outbox_table as deliveries
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import RUN, claimed, dead, delivered, save

pytestmark = pytest.mark.both_databases

DAY = timedelta(days=1)
RETENTION = 30 * DAY
LATER = NOW + RETENTION + DAY


def prune(engine: Engine) -> int:
    return pruning.prune_all(engine, RETENTION, LATER)


def payload(engine: Engine) -> tuple[str, str]:
    (row,) = rows(engine, results_table)
    return row.results, row.metadata


def unclean(engine: Engine) -> None:
    """Delivered long ago by the record, but of late an attempt of it may have made another run."""
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", NOW)
        outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW)
        connection.execute(
            update(attempts_table).values(outcome="retry", started_at=LATER - DAY / 2)
        )


def delivered_of_late(engine: Engine) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, RUN, "somewhere", LATER - DAY)


def half_delivered(engine: Engine) -> None:
    delivered(engine)
    with writing(engine) as connection:
        enqueue(connection, [1], ["wandb"], NOW)


def test_a_result_that_was_delivered_long_ago_loses_its_payload(engine: Engine) -> None:
    delivered(engine)
    assert (prune(engine), payload(engine)) == (1, ("{}", "{}"))


def test_a_discarded_one_too(engine: Engine) -> None:
    save(engine, "mlflow")
    with writing(engine) as connection:
        retry_discard.discard(connection, [1], "nobody wants it", NOW)
    assert prune(engine) == 1


@pytest.mark.parametrize(
    "keep",
    [
        dead,
        claimed,
        half_delivered,
        delivered_of_late,
        unclean,
        lambda engine: save(engine, "mlflow"),
        save,
    ],
    ids=[
        "dead",
        "leased",
        "half delivered",
        "delivered of late",
        "unclean",
        "pending",
        "owed to none",
    ],
)
def test_what_may_be_needed_keeps_its_payload(
    engine: Engine, keep: Callable[[Engine], object]
) -> None:
    keep(engine)
    before = payload(engine)
    assert (prune(engine), payload(engine)) == (0, before)


def test_the_runs_url_outlives_the_payload(engine: Engine) -> None:
    delivered(engine)
    prune(engine)
    with reading(engine) as connection:
        found = delivery_lookup.delivery_by_run(connection, "mlflow", RUN.id)
    assert found is not None
    assert found.run_url == RUN.url


def test_the_attempts_go_with_the_payload(engine: Engine) -> None:
    delivered(engine)
    prune(engine)
    assert rows(engine, attempts_table) == []


def test_a_pruned_result_is_still_found_by_its_user(engine: Engine) -> None:
    delivered(engine)
    prune(engine)
    (row,) = rows(engine, results_table)
    with reading(engine) as connection:
        found = result_lookup.record(connection, row.test_id, row.user_id)
    assert found is not None
    assert (found["results"], found["metadata"]) == ({}, {"mlflow_run_id": RUN.id})


def test_a_pruned_result_is_no_point_of_its_models_trend(engine: Engine) -> None:
    delivered(engine)
    prune(engine)
    with reading(engine) as connection:
        assert result_lookup.trend(connection, "model-1", 10) == []


def test_saving_the_content_again_brings_it_back(engine: Engine) -> None:
    save(engine, test_id="t")
    with writing(engine) as connection:
        erased = {"results": "{}", "metadata": "{}", "erased_at": LATER}
        connection.execute(update(results_table).values(erased))
        saving.save(connection, new := new_result(test_id="t"), ["mlflow"], LATER)
    (row,) = rows(engine, results_table)
    assert (row.results, row.metadata, row.erased_at) == (new.results, new.metadata, None)


def test_a_pruned_result_is_not_delivered_again(engine: Engine) -> None:
    delivery = delivered(engine)
    prune(engine)
    with writing(engine) as connection:
        assert not repairs.reopen(connection, "mlflow", delivery.key, "it is running", LATER)


def test_a_pruned_result_is_not_backfilled(engine: Engine) -> None:
    delivered(engine)
    prune(engine)
    with reading(engine) as connection:
        assert results_without(connection, "wandb", None, 10) == []


def test_a_pass_gets_past_what_it_may_not_prune(engine: Engine) -> None:
    for _ in range(3):
        save(engine, "wandb")
        delivered(engine)
    with reading(engine) as connection:
        first, place = pruning.prunable(connection, RETENTION, LATER, limit=2)
        rest, _ = pruning.prunable(connection, RETENTION, LATER, place)
    assert (first, rest) == ([2, 4], [6])


def test_results_of_one_moment_are_looked_at_one_after_the_other(engine: Engine) -> None:
    for _ in range(3):
        delivered(engine)
    place, seen = pruning._START, list[int]()
    with reading(engine) as connection:
        for _ in range(3):
            ids, place = pruning.prunable(connection, RETENTION, LATER, place, limit=1)
            seen += ids
    assert seen == [1, 2, 3]


JUST_BEFORE = timedelta(microseconds=-1)


@pytest.mark.parametrize(("by", "found"), [(timedelta(), []), (JUST_BEFORE, [1])])
def test_what_was_saved_as_long_ago_as_the_retention_is_kept_still(
    engine: Engine, by: timedelta, found: list[int]
) -> None:
    delivered(engine)
    with writing(engine) as connection:
        connection.execute(update(results_table).values(created_at=LATER - RETENTION + by))
        ids, _ = pruning.prunable(connection, RETENTION, LATER)
    assert ids == found


@pytest.mark.parametrize(("by", "count"), [(timedelta(), 0), (JUST_BEFORE, 1)])
def test_what_ended_as_long_ago_as_the_retention_is_kept_still(
    engine: Engine, by: timedelta, count: int
) -> None:
    delivered(engine)
    with writing(engine) as connection:
        connection.execute(update(deliveries).values(finished_at=LATER - RETENTION + by))
    assert prune(engine) == count


@pytest.mark.parametrize(("by", "count"), [(timedelta(), 0), (JUST_BEFORE, 1)])
def test_what_may_have_made_a_run_of_late_is_kept_still(
    engine: Engine, by: timedelta, count: int
) -> None:
    delivered(engine)
    with writing(engine) as connection:
        connection.execute(
            update(attempts_table).values(outcome="retry", started_at=LATER - SUSPECT_FOR + by)
        )
    assert prune(engine) == count


@pytest.mark.parametrize(
    ("swept_at", "left"),
    [(None, [1, 2]), (NOW - DAY / 2 + SUSPECT_FOR, [2]), (LATER, [])],
    ids=["unswept", "the first swept", "swept"],
)
def test_each_attempt_that_needs_a_sweep_yet_outlives_its_payload(
    engine: Engine, swept_at: datetime | None, left: list[int]
) -> None:
    """A machine that slept for longer than the retention sweeps when it wakes up."""
    for number, started_at in enumerate((NOW - DAY, NOW), 1):
        delivered(engine)
        own = update(attempts_table).where(attempts_table.c.delivery_id == number)
        with writing(engine) as connection:
            connection.execute(own.values(outcome="retry", started_at=started_at))
    with writing(engine) as connection:
        connection.execute(update(deliveries).values(create_attempted_at=NOW))
        if swept_at is not None:
            unclean_attempts.note_swept(connection, "mlflow", swept_at)
    assert (prune(engine), [row.delivery_id for row in rows(engine, attempts_table)]) == (2, left)


def test_what_was_used_since_it_was_found_is_not_pruned(engine: Engine) -> None:
    delivery = delivered(engine)
    with writing(engine) as connection:
        repairs.reopen(connection, "mlflow", delivery.key, "it is running", LATER)
        assert pruning.prune(connection, [1], RETENTION, LATER) == 0
    assert len(rows(engine, attempts_table)) == 1


def test_the_attempts_of_others_stay(engine: Engine) -> None:
    delivered(engine)
    claimed(engine)
    assert (prune(engine), [row.delivery_id for row in rows(engine, attempts_table)]) == (1, [2])


def test_more_than_one_transaction_takes_are_pruned(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning.prunable, "__defaults__", (pruning._START, 2))
    for _ in range(5):
        delivered(engine)
    assert prune(engine) == 5


def test_a_pass_that_should_stop_prunes_nothing_more(engine: Engine) -> None:
    delivered(engine)
    assert pruning.prune_all(engine, RETENTION, LATER, lambda: True) == 0


@pytest.mark.parametrize(
    ("retention", "interval"),
    [
        (timedelta(seconds=2), timedelta(seconds=1)),
        (timedelta(minutes=10), timedelta(minutes=1)),
        (90 * DAY, timedelta(hours=1)),
    ],
)
def test_pruning_looks_as_often_as_the_retention_asks_for(
    retention: timedelta, interval: timedelta
) -> None:
    assert pruning.interval(retention) == interval


def test_what_is_listed_stays_after_pruning(engine: Engine) -> None:
    delivered(engine)
    with reading(engine) as connection:
        before = delivery_lookup.deliveries(connection, RunFilter())
    prune(engine)
    with reading(engine) as connection:
        assert delivery_lookup.deliveries(connection, RunFilter()) == before


def test_the_outbox_keeps_its_rows(engine: Engine) -> None:
    delivered(engine)
    prune(engine)
    assert [row.status for row in rows(engine, deliveries)] == ["delivered"]
