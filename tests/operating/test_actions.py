"""What an operator does to deliveries: brings them to a new provider, tries them again, gives them up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.operating import actions
from fairmind_sync.outbox import deletion
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter, find
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import current_time, is_file, writing
from fairmind_sync.storage.tables import outbox_table
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import rows, store_of
from tests.support.deliveries import claimed, dead, delivered, save, save_with
from tests.support.log_events import captured_logs

pytestmark = pytest.mark.mostly_sqlite

MINUTE = timedelta(minutes=1)


def statuses(engine: Engine) -> list[str]:
    return [row.status for row in rows(engine, outbox_table)]


def waiting_for(configured: Settings, provider: ProviderName) -> list[str]:
    """The ids of the tests, newest delivery first."""
    found = find(store_of(configured), RunFilter(provider=provider, status="pending"))
    return [delivery.test_id for delivery in found]


def save_at_times(engine: Engine, count: int) -> None:
    for number in range(count):
        save(engine, test_id=f"t{number}", now=NOW + number * MINUTE)


def test_a_backfill_brings_every_result_to_the_provider(
    engine: Engine, configured: Settings
) -> None:
    save_at_times(engine, 3)
    actions.backfill(store_of(configured), "wandb")
    assert waiting_for(configured, "wandb") == ["t2", "t1", "t0"]


def test_a_backfill_counts_what_it_brings(engine: Engine, configured: Settings) -> None:
    save_at_times(engine, 3)
    assert actions.backfill(store_of(configured), "wandb") == 3


def test_a_backfill_is_of_one_provider(engine: Engine, configured: Settings) -> None:
    save_at_times(engine, 3)
    actions.backfill(store_of(configured), "wandb")
    assert waiting_for(configured, "mlflow") == []


def test_a_backfill_brings_only_what_is_missing(engine: Engine, configured: Settings) -> None:
    save(engine, "mlflow", test_id="there")
    save(engine, "wandb", test_id="missing")
    assert (
        actions.backfill(store_of(configured), "mlflow"),
        waiting_for(configured, "mlflow"),
    ) == (
        1,
        ["missing", "there"],
    )


@pytest.mark.parametrize("ended", [delivered, dead])
def test_a_backfill_leaves_what_has_ended(engine: Engine, configured: Settings, ended: Any) -> None:
    ended(engine)
    before = rows(engine, outbox_table)
    actions.backfill(store_of(configured), "mlflow")
    assert rows(engine, outbox_table) == before


def test_a_backfill_changes_nothing_the_second_time(engine: Engine, configured: Settings) -> None:
    save_at_times(engine, 3)
    assert [actions.backfill(store_of(configured), "wandb") for _ in range(2)] == [3, 0]


def test_a_backfill_may_begin_at_a_time(engine: Engine, configured: Settings) -> None:
    save_at_times(engine, 3)
    actions.backfill(store_of(configured), "wandb", NOW + MINUTE)
    assert waiting_for(configured, "wandb") == ["t2", "t1"]


def test_a_backfill_goes_by_the_time_of_an_imported_result(configured: Settings) -> None:
    old = new_result(created_at=NOW)
    save_with(configured.model_copy(update={"provider": "none"}), [old])
    assert actions.backfill(store_of(configured), "wandb", NOW + MINUTE) == 0


def test_a_backfill_leaves_deleted_results_out(engine: Engine, configured: Settings) -> None:
    save_at_times(engine, 2)
    with writing(engine) as connection:
        deletion.delete(connection, "t0", "user-1", NOW)
    actions.backfill(store_of(configured), "wandb")
    assert waiting_for(configured, "wandb") == ["t1"]


def test_a_backfill_brings_every_revision(engine: Engine, configured: Settings) -> None:
    for number in range(2):
        save(engine, test_id="t", results={"revision": number})
    assert actions.backfill(store_of(configured), "wandb") == 2


def test_what_a_backfill_brings_is_due_at_once(engine: Engine, configured: Settings) -> None:
    save_at_times(engine, 1)
    actions.backfill(store_of(configured), "wandb")
    assert rows(engine, outbox_table)[0].due_at <= current_time(engine)


def test_a_backfill_tells_how_far_it_is(
    engine: Engine, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "_CHUNK", 2)
    save_at_times(engine, 5)
    told: list[int] = []
    actions.backfill(store_of(configured), "wandb", on_progress=told.append)
    assert told == [2, 4, 5]


def test_an_interrupted_backfill_goes_on_where_it_was(
    engine: Engine, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "_CHUNK", 2)
    save_at_times(engine, 5)
    with pytest.raises(KeyboardInterrupt):
        actions.backfill(store_of(configured), "wandb", on_progress=_interrupt)
    assert (actions.backfill(store_of(configured), "wandb"), len(rows(engine, outbox_table))) == (
        3,
        5,
    )


def _interrupt(_count: int) -> None:
    raise KeyboardInterrupt


def test_a_dead_delivery_is_pending_again_after_a_retry(
    engine: Engine, configured: Settings
) -> None:
    actions.retry(store_of(configured), [dead(engine).id])
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.attempts, row.finished_at) == ("pending", 0, None)


def test_a_retry_is_due_at_once(engine: Engine, configured: Settings) -> None:
    actions.retry(store_of(configured), [dead(engine).id])
    assert NOW < rows(engine, outbox_table)[0].due_at <= current_time(engine)


@pytest.mark.parametrize("other", [delivered, claimed])
def test_a_retry_leaves_what_is_not_dead(engine: Engine, configured: Settings, other: Any) -> None:
    delivery = other(engine)
    assert actions.retry(store_of(configured), [delivery.id]) == 0


def test_a_retry_counts_what_it_changed(engine: Engine, configured: Settings) -> None:
    ids = [dead(engine).id, delivered(engine).id, dead(engine).id, 77]
    assert actions.retry(store_of(configured), ids) == 2


def test_a_retry_touches_only_what_was_named(engine: Engine, configured: Settings) -> None:
    ids = [dead(engine).id for _ in range(2)]
    actions.retry(store_of(configured), ids[:1])
    assert statuses(engine) == ["pending", "dead"]


def test_a_retry_of_nothing_changes_nothing(configured: Settings) -> None:
    assert actions.retry(store_of(configured), []) == 0


def test_a_backlog_larger_than_a_statement_takes_can_be_discarded(
    engine: Engine, configured: Settings
) -> None:
    """SQLite takes some 250 thousand parameters, or 33 thousand, by how it was built; PostgreSQL 65,535."""
    save(engine, "mlflow")
    ids = range(300_000 if is_file(engine) else 70_000)
    assert actions.discard(store_of(configured), ids, "never wanted") == 1


@pytest.mark.parametrize("given_up", ["pending", "dead"])
def test_a_discarded_delivery_keeps_the_reason(
    engine: Engine, configured: Settings, given_up: str
) -> None:
    _ = dead(engine) if given_up == "dead" else save(engine, "mlflow")
    actions.discard(store_of(configured), [1], "the model was withdrawn")
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.last_error_kind, row.last_error) == (
        "discarded",
        "discarded",
        "the model was withdrawn",
    )


def test_what_is_delivered_is_not_discarded(engine: Engine, configured: Settings) -> None:
    assert actions.discard(store_of(configured), [delivered(engine).id], "why") == 0


def test_what_is_being_sent_is_not_discarded(engine: Engine, configured: Settings) -> None:
    delivery = claimed(engine, now=utc_now())
    assert actions.discard(store_of(configured), [delivery.id], "why") == 0


def test_what_lost_its_worker_is_discarded(engine: Engine, configured: Settings) -> None:
    delivery = claimed(engine, now=NOW)
    assert actions.discard(store_of(configured), [delivery.id], "why") == 1


def test_a_discard_counts_what_it_changed(engine: Engine, configured: Settings) -> None:
    ids = [dead(engine).id, delivered(engine).id, 77]
    save(engine, "wandb", "mlflow")
    assert actions.discard(store_of(configured), [*ids, 3, 4], "why") == 3


def test_deliveries_are_found_newest_first_up_to_a_limit(
    engine: Engine, configured: Settings
) -> None:
    for number in range(3):
        save(engine, "mlflow", test_id=f"t{number}")
    found: list[DeliveryRecord] = find(store_of(configured), RunFilter(), 2)
    assert [delivery.test_id for delivery in found] == ["t2", "t1"]


@pytest.mark.parametrize(
    ("work", "event"),
    [
        (lambda to: actions.retry(store_of(to), [1]), "delivery.retried"),
        (lambda to: actions.discard(store_of(to), [1], "why"), "delivery.discarded"),
        (lambda to: actions.pause(store_of(to), "wandb"), "provider.paused"),
        (lambda to: actions.resume(store_of(to), "wandb"), "provider.resumed"),
    ],
)
def test_what_an_operator_does_is_logged(configured: Settings, work: Any, event: str) -> None:
    with captured_logs() as events:
        work(configured)
    assert [one["event"] for one in events] == [event]


def test_a_rehearsed_retry_counts_and_changes_nothing(engine: Engine) -> None:
    dead(engine)
    delivered(engine)
    before = rows(engine, outbox_table)
    assert (actions.would_retry(engine, [1, 2]), rows(engine, outbox_table)) == (1, before)


def test_a_rehearsed_discard_counts_and_changes_nothing(engine: Engine) -> None:
    dead(engine)
    save(engine, "mlflow")
    delivered(engine, provider="wandb")
    before = rows(engine, outbox_table)
    assert (actions.would_discard(engine, [1, 2, 3]), rows(engine, outbox_table)) == (2, before)


def test_a_rehearsal_is_not_logged(engine: Engine) -> None:
    dead(engine)
    with captured_logs() as logged:
        actions.would_retry(engine, [1])
    assert logged == []
