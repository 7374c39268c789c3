"""A deleted result is found no more: what waits is given up, what was delivered stays on record."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Row

from fairmind_sync import bias_test_results as service
from fairmind_sync import mlops_integration
from fairmind_sync.outbox import deletion, outcomes, repairs, retry_discard
from fairmind_sync.providers.base import Outcome, Retry
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table as deliveries
from fairmind_sync.storage.tables import results_table
from fairmind_sync.testing import FakeProvider
from tests.support import backend_calls
from tests.support.clock import NOW, Clock
from tests.support.databases import rows
from tests.support.deliveries import LEASE, RUN, claim, claimed, dead, delivered, save

pytestmark = pytest.mark.both_databases

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _backend(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend_calls.enter(monkeypatch, database_url)


def delete(engine: Engine, test_id: str) -> int:
    with writing(engine) as connection:
        return deletion.delete(connection, test_id, "user-1", NOW)


def finish(engine: Engine) -> None:
    with writing(engine) as connection:
        deletion.finish(connection, NOW + MINUTE)  # when leases have run out


def of_deliveries(engine: Engine) -> list[tuple[str, str | None, str | None]]:
    return [(row.status, row.last_error_kind, row.last_error) for row in rows(engine, deliveries)]


def result(engine: Engine) -> Row[Any]:
    (row,) = rows(engine, results_table)
    return row


def payload(engine: Engine) -> tuple[str, str]:
    row = result(engine)
    return row.results, row.metadata


def deleted_under_way(engine: Engine) -> Delivery:
    delivery = claimed(engine)
    delete(engine, delivery.result.test_id)
    return delivery


def test_deleting_tells_that_there_was_a_result() -> None:
    backend_calls.save()
    assert asyncio.run(service.delete_test_result("t", "user-1")) is True


def test_deleting_what_is_not_there_is_false() -> None:
    assert asyncio.run(service.delete_test_result("t", "user-1")) is False


def test_deleting_twice_is_false() -> None:
    backend_calls.save()
    found = [service.delete_test_result_sync("t", "user-1") for _ in range(2)]
    assert found == [True, False]


def test_a_deleted_result_is_not_given() -> None:
    backend_calls.save()
    service.delete_test_result_sync("t", "user-1")
    assert service.get_test_result_sync("t", "user-1") is None


def test_a_deleted_result_is_not_listed() -> None:
    backend_calls.save()
    service.delete_test_result_sync("t", "user-1")
    assert backend_calls.listed() == []


def test_a_deleted_result_is_not_counted() -> None:
    backend_calls.save(results={"metrics_passed": 3})
    service.delete_test_result_sync("t", "user-1")
    seen = service.get_test_statistics_sync("user-1")
    assert (seen["total_tests"], seen["metrics_passed"]) == (0, 0)


def test_a_deleted_result_is_not_found_while_it_is_sent(engine: Engine) -> None:
    delivery = deleted_under_way(engine)
    assert service.get_test_result_sync(delivery.result.test_id, "user-1") is None


def test_what_waits_is_discarded_with_the_reason(engine: Engine) -> None:
    save(engine, "wandb", "mlflow", test_id="t")
    delete(engine, "t")
    assert of_deliveries(engine) == [("discarded", "discarded", "the result was deleted")] * 2


def test_what_is_dead_is_discarded_with_the_reason(engine: Engine) -> None:
    delete(engine, dead(engine).result.test_id)
    assert of_deliveries(engine) == [("discarded", "discarded", "the result was deleted")]


def test_what_is_delivered_stays_delivered(engine: Engine) -> None:
    delete(engine, delivered(engine).result.test_id)
    assert of_deliveries(engine) == [("delivered", None, None)]


def test_the_url_of_a_deleted_results_run_is_still_known(engine: Engine) -> None:
    delete(engine, delivered(engine).result.test_id)
    assert mlops_integration.get_run_url("mlflow", RUN.id) == RUN.url


def test_other_tests_stay_as_they_are(engine: Engine) -> None:
    save(engine, "mlflow", test_id="other")
    save(engine, "mlflow", test_id="t")
    delete(engine, "t")
    assert [status for status, _, _ in of_deliveries(engine)] == ["pending", "discarded"]


@pytest.mark.parametrize("ended", [delivered, dead, claimed])
def test_the_payload_of_an_ended_delivery_goes_at_once(engine: Engine, ended: Any) -> None:
    delivery = ended(engine)
    with writing(engine) as connection:  # a lease that ran out is no delivery under way
        deletion.delete(connection, delivery.result.test_id, "user-1", NOW + LEASE)
    assert payload(engine) == ("{}", "{}")


def test_the_payload_of_a_result_that_waits_goes_at_once(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    delete(engine, "t")
    assert payload(engine) == ("{}", "{}")


def test_the_payload_of_a_result_without_deliveries_goes_at_once(engine: Engine) -> None:
    save(engine, test_id="t")
    delete(engine, "t")
    assert payload(engine) == ("{}", "{}")


def test_the_verdict_of_a_deleted_result_goes_too(engine: Engine) -> None:
    save(engine, test_id="t", results={"overall_risk": "high", "metrics_passed": 3})
    delete(engine, "t")
    row = result(engine)
    assert (row.overall_risk, row.metrics_passed, row.metrics_failed) == (None, 0, 0)


def test_the_digest_of_a_deleted_result_goes_too(engine: Engine) -> None:
    save(engine, test_id="t")
    before = result(engine).digest
    delete(engine, "t")
    assert result(engine).digest != before


def test_every_revision_is_deleted(engine: Engine) -> None:
    for number in range(3):
        save(engine, "mlflow", test_id="t", results={"revision": number})
    assert (delete(engine, "t"), {row.results for row in rows(engine, results_table)}) == (
        3,
        {"{}"},
    )


def test_a_delivery_under_way_is_left_to_end(engine: Engine) -> None:
    delivery = deleted_under_way(engine)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW)
    assert of_deliveries(engine) == [("delivered", None, None)]


def test_the_payload_stays_for_as_long_as_it_is_sent(engine: Engine) -> None:
    delivery = claimed(engine)
    before = payload(engine)
    delete(engine, delivery.result.test_id)
    with writing(engine) as connection:
        deletion.finish(connection, NOW)
    assert payload(engine) == before


def test_the_payload_goes_when_the_delivery_under_way_has_ended(engine: Engine) -> None:
    delivery = deleted_under_way(engine)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW)
    finish(engine)
    assert payload(engine) == ("{}", "{}")


def test_the_run_of_a_delivery_that_was_under_way_is_known(engine: Engine) -> None:
    delivery = deleted_under_way(engine)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW)
    finish(engine)
    assert mlops_integration.get_run_url("mlflow", RUN.id) == RUN.url


def test_a_delivery_that_was_under_way_and_failed_is_discarded(engine: Engine) -> None:
    delivery = deleted_under_way(engine)
    with writing(engine) as connection:
        outcomes.record_retry(
            connection, delivery, ErrorKind.UNCERTAIN, "lost", due_at=NOW, now=NOW
        )
    finish(engine)
    assert of_deliveries(engine) == [("discarded", "discarded", "the result was deleted")]


def test_a_deleted_result_is_not_sent_a_second_time(engine: Engine) -> None:
    """Its delivery was under way when it was deleted, and failed."""
    clock = Clock()
    save(engine, "mlflow", test_id="t")
    provider = _DeletesMeanwhile(engine, script=[Retry(ErrorKind.UNCERTAIN, "lost")])
    relay = Relay(engine, provider, max_attempts=9, clock=clock)
    relay.drain()
    clock.advance(60 * MINUTE)
    relay.drain()
    assert provider.runs == {}


class _DeletesMeanwhile(FakeProvider):
    """Its user deletes the result while it is sent."""

    def __init__(self, engine: Engine, script: list[Outcome | Exception | None]) -> None:
        super().__init__(script=script)
        self._engine = engine

    def _deliver_one(self, delivery: Delivery, journal: Any) -> Outcome:
        delete(self._engine, delivery.result.test_id)
        return super()._deliver_one(delivery, journal)


def test_finishing_erases_once(engine: Engine) -> None:
    save(engine, test_id="t")
    delete(engine, "t")
    finish(engine)
    assert result(engine).erased_at == NOW


def test_the_delivery_of_a_deleted_result_is_not_retried(engine: Engine) -> None:
    delivery = deleted_under_way(engine)
    with writing(engine) as connection:
        outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, "no", NOW)
        assert retry_discard.retry(connection, [delivery.id], NOW) == 0


def test_the_run_of_a_deleted_result_is_not_delivered_again(engine: Engine) -> None:
    delivery = delivered(engine)
    delete(engine, delivery.result.test_id)
    with writing(engine) as connection:
        assert not repairs.reopen(connection, "mlflow", delivery.key, "it is running", NOW)


def test_the_same_content_after_a_deletion_is_a_new_revision(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    delete(engine, "t")
    again = save(engine, "mlflow", test_id="t")
    assert (again.revision, again.is_new) == (2, True)


def test_the_same_content_after_a_deletion_is_delivered(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    delete(engine, "t")
    save(engine, "mlflow", test_id="t")
    assert [delivery.result.revision for delivery in claim(engine)] == [2]


def test_the_same_content_after_a_deletion_is_found() -> None:
    backend_calls.save()
    service.delete_test_result_sync("t", "user-1")
    backend_calls.save()
    assert backend_calls.listed() == ["t"]


def delete_interrupted(engine: Engine) -> None:
    with writing(engine) as connection:
        deletion.delete(connection, "t", "user-1", NOW)
        raise KeyboardInterrupt


def test_a_deletion_that_is_interrupted_deletes_nothing(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    before = (rows(engine, results_table), rows(engine, deliveries))
    with pytest.raises(KeyboardInterrupt):
        delete_interrupted(engine)
    assert (rows(engine, results_table), rows(engine, deliveries)) == before
