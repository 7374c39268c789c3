"""Reads: deliveries, their attempts, what there is to do and what waits."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import attempt_lookup, delivery_lookup, outcomes, provider_state, workload
from fairmind_sync.outbox.attempt_lookup import Attempt
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter
from fairmind_sync.outbox.workload import Backlog
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import reading, writing
from tests.support.clock import NOW
from tests.support.deliveries import LEASE, RUN, claim, claimed, dead, delivered, save

pytestmark = pytest.mark.both_databases

MINUTE = timedelta(minutes=1)


def listed(
    engine: Engine, wanted: RunFilter | None = None, limit: int | None = None
) -> list[DeliveryRecord]:
    with reading(engine) as connection:
        return delivery_lookup.deliveries(connection, wanted or RunFilter(), limit)


def by_run(engine: Engine, provider: ProviderName, run_id: str) -> DeliveryRecord | None:
    with reading(engine) as connection:
        return delivery_lookup.delivery_by_run(connection, provider, run_id)


def has_work(engine: Engine, now: datetime = NOW) -> bool:
    with reading(engine) as connection:
        return workload.has_work(connection, "mlflow", now)


def next_work_at(engine: Engine) -> datetime | None:
    with reading(engine) as connection:
        return workload.read_all(connection)["mlflow"].next_at


def backlog(engine: Engine) -> Backlog:
    with reading(engine) as connection:
        return workload.backlog(connection, "mlflow")


def offline_until(engine: Engine, probe_at: datetime) -> None:
    with writing(engine) as connection:
        provider_state.note_offline(
            connection, "mlflow", "no route", after=probe_at - NOW, chance=Random(1), now=NOW
        )


def test_a_delivery_is_read_as_it_was_recorded(engine: Engine) -> None:
    saved = delivered(engine)
    assert listed(engine) == [
        DeliveryRecord(
            id=saved.id,
            test_id=saved.result.test_id,
            revision=1,
            user_id="user-1",
            model_id="model-1",
            test_type="ml_bias",
            provider="mlflow",
            status="delivered",
            attempts=1,
            run_id=RUN.id,
            run_url=RUN.url,
            destination="somewhere",
            due_at=NOW,
            last_error_kind=None,
            last_error=None,
            created_at=NOW,
            finished_at=NOW,
            lease_expires_at=None,
            evidence_state=None,
            evidence_reason=None,
            evidence_due_at=None,
        )
    ]


def test_deliveries_are_listed_newest_first(engine: Engine) -> None:
    for test_id in ("b", "c", "a"):
        save(engine, "mlflow", test_id=test_id)
    assert [record.test_id for record in listed(engine)] == ["a", "c", "b"]


def test_the_newest_are_listed_up_to_the_limit(engine: Engine) -> None:
    for test_id in ("b", "c", "a"):
        save(engine, "mlflow", test_id=test_id)
    assert [record.test_id for record in listed(engine, limit=2)] == ["a", "c"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (RunFilter(), ["two/wandb", "two/mlflow", "one/mlflow"]),
        (RunFilter(test_id="one"), ["one/mlflow"]),
        (RunFilter(model_id="m2"), ["two/wandb", "two/mlflow"]),
        (RunFilter(provider="wandb"), ["two/wandb"]),
        (RunFilter(status="pending"), ["two/wandb", "two/mlflow"]),
        (RunFilter(result_id=1), ["one/mlflow"]),
        (RunFilter(provider="mlflow", status="pending"), ["two/mlflow"]),
        (RunFilter(test_id="none"), []),
        (RunFilter(test_id=""), []),
    ],
)
def test_a_list_holds_what_is_wanted(
    engine: Engine, wanted: RunFilter, expected: list[str]
) -> None:
    save(engine, "mlflow", test_id="one", model_id="m1")
    (delivery,) = claim(engine)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW)
    save(engine, "wandb", "mlflow", test_id="two", model_id="m2")
    found = [f"{record.test_id}/{record.provider}" for record in listed(engine, wanted)]
    assert found == expected


@pytest.mark.parametrize("search", ["nightly_1", "NIGHTLY", "y_1", "census", "Cen"])
def test_the_search_finds_parts_of_names_in_capitals_or_not(engine: Engine, search: str) -> None:
    save(engine, "mlflow", test_id="Nightly_1", model_id="Census")
    assert [record.test_id for record in listed(engine, RunFilter(search=search))] == ["Nightly_1"]


@pytest.mark.parametrize("search", ["%", "y_2", "y\\_1"])
def test_the_search_takes_no_character_for_another(engine: Engine, search: str) -> None:
    save(engine, "mlflow", test_id="Nightly_1")
    save(engine, "mlflow", test_id="NightlyX2")
    assert listed(engine, RunFilter(search=search)) == []


def test_a_run_leads_to_its_delivery(engine: Engine) -> None:
    delivery = delivered(engine)
    found = by_run(engine, "mlflow", RUN.id)
    assert found is not None
    assert (found.id, found.run_url) == (delivery.id, RUN.url)


def test_a_run_leads_to_its_own_delivery_among_others(engine: Engine) -> None:
    delivered(engine, Run("run-1", None))
    wanted = delivered(engine, Run("run-2", None))
    found = by_run(engine, "mlflow", "run-2")
    assert found is not None
    assert found.id == wanted.id


def test_a_run_of_one_provider_is_not_anothers(engine: Engine) -> None:
    delivered(engine)
    assert by_run(engine, "wandb", RUN.id) is None


def test_a_run_that_is_not_confirmed_leads_nowhere(engine: Engine) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.note_created(connection, delivery, RUN.id)
    assert by_run(engine, "mlflow", RUN.id) is None


def test_attempts_are_read_oldest_first(engine: Engine) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.record_retry(
            connection, delivery, ErrorKind.UNCERTAIN, "500", due_at=NOW, now=NOW + MINUTE
        )
    claim(engine, now=NOW + MINUTE)
    with reading(engine) as connection:
        found = attempt_lookup.attempts(connection, delivery.id)
    assert found == [
        Attempt(NOW, NOW + MINUTE, "retry", "uncertain", "500"),
        Attempt(NOW + MINUTE, None, None, None, None),
    ]


def test_each_delivery_has_attempts_of_its_own(engine: Engine) -> None:
    claimed(engine)
    with reading(engine) as connection:
        assert attempt_lookup.attempts(connection, 77) == []


def test_an_empty_outbox_has_no_work(engine: Engine) -> None:
    assert not has_work(engine)


def test_what_is_due_is_work(engine: Engine) -> None:
    save(engine, "mlflow")
    assert has_work(engine)


def test_what_falls_due_later_is_no_work_yet(engine: Engine) -> None:
    save(engine, "mlflow", now=NOW + MINUTE)
    assert not has_work(engine)


def test_what_is_leased_is_no_work(engine: Engine) -> None:
    claimed(engine)
    assert not has_work(engine)


def test_what_was_abandoned_is_work(engine: Engine) -> None:
    claimed(engine)
    assert has_work(engine, NOW + LEASE)


def test_a_provider_whose_probe_is_not_due_has_no_work(engine: Engine) -> None:
    save(engine, "mlflow")
    offline_until(engine, NOW + MINUTE)
    assert not has_work(engine, NOW + MINUTE / 2)


def test_a_provider_whose_probe_is_due_has_work(engine: Engine) -> None:
    save(engine, "mlflow")
    offline_until(engine, NOW + MINUTE)
    assert has_work(engine, NOW + MINUTE)


def test_where_nothing_waits_no_work_is_next(engine: Engine) -> None:
    delivered(engine)
    offline_until(engine, NOW + MINUTE)
    assert next_work_at(engine) is None


def test_the_next_work_is_what_falls_due_first(engine: Engine) -> None:
    save(engine, "mlflow", now=NOW + 2 * MINUTE)
    save(engine, "mlflow", now=NOW + MINUTE)
    assert next_work_at(engine) == NOW + MINUTE


def test_the_next_work_of_an_offline_provider_is_its_probe(engine: Engine) -> None:
    save(engine, "mlflow")
    offline_until(engine, NOW + MINUTE)
    assert next_work_at(engine) == NOW + MINUTE


def test_a_probe_that_comes_before_the_work_is_not_waited_for(engine: Engine) -> None:
    save(engine, "mlflow", now=NOW + 2 * MINUTE)
    offline_until(engine, NOW + MINUTE)
    assert next_work_at(engine) == NOW + 2 * MINUTE


def test_the_end_of_a_lease_is_next_work(engine: Engine) -> None:
    claimed(engine)
    assert next_work_at(engine) == NOW + LEASE


def test_a_backlog_counts_every_status(engine: Engine) -> None:
    dead(engine)
    delivered(engine)
    save(engine, "mlflow", "wandb")
    assert backlog(engine).counts == {
        "pending": 1,
        "handed_over": 0,
        "delivered": 1,
        "dead": 1,
        "discarded": 0,
    }


def test_a_backlog_says_since_when_the_oldest_waits(engine: Engine) -> None:
    save(engine, "mlflow", now=NOW + MINUTE)
    save(engine, "mlflow", now=NOW)
    assert backlog(engine).oldest_pending_at == NOW


def test_an_empty_backlog_has_nothing_that_waits(engine: Engine) -> None:
    delivered(engine)
    assert backlog(engine).oldest_pending_at is None


def test_a_backlog_says_how_its_provider_is(engine: Engine) -> None:
    offline_until(engine, NOW + MINUTE)
    assert backlog(engine).state.state == "offline"


def test_unfinished_is_what_is_pending_or_dead_of_the_providers_asked_for(engine: Engine) -> None:
    dead(engine)
    delivered(engine)
    save(engine, "mlflow", "wandb")
    with reading(engine) as connection:
        assert workload.unfinished(connection, ("mlflow",)) == {"mlflow": 2}
