"""What an operator or a user does while a delivery is under way: nothing is lost, doubled or left hanging."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine

from fairmind_sync.operating import actions
from fairmind_sync.outbox import deletion
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter, deliveries
from fairmind_sync.outbox.saved_results import newest_result
from fairmind_sync.providers.base import Journal, Outcome
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.storage.engine import current_time, reading, writing
from fairmind_sync.testing import FakeProvider
from tests.support.deliveries import save

pytestmark = pytest.mark.both_databases


@dataclass
class Interrupted(FakeProvider):
    """Somebody does something while its first delivery is under way."""

    meanwhile: Callable[[Delivery], object] | None = None

    def _deliver_one(self, delivery: Delivery, journal: Journal) -> Outcome:
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile(delivery)
        return super()._deliver_one(delivery, journal)


def drained(engine: Engine, meanwhile: Callable[[Delivery], object]) -> list[DeliveryRecord]:
    """The deliveries after a drain in whose first delivery that happened, the earliest first."""
    save(engine, "mlflow", test_id="first", user_id="u")
    Relay(engine, Interrupted(meanwhile=meanwhile), max_attempts=3).drain()
    with reading(engine) as connection:
        found = deliveries(connection, RunFilter())
    return sorted(found, key=lambda one: one.id)


def delete(engine: Engine, test_id: str) -> None:
    with writing(engine) as connection:
        deletion.delete(connection, test_id, "u", current_time(engine))


def test_what_is_under_way_when_a_pause_begins_is_delivered_and_nothing_more(
    engine: Engine,
) -> None:
    def pause(_: Delivery) -> None:
        actions.pause(engine, "mlflow")
        save(engine, "mlflow", test_id="second", user_id="u")

    first, second = drained(engine, pause)
    assert (first.status, second.status, second.attempts) == ("delivered", "pending", 0)


def test_what_is_under_way_is_not_discarded(engine: Engine) -> None:
    changed: list[int] = []
    (first,) = drained(
        engine, lambda one: changed.append(actions.discard(engine, [one.id], "not wanted"))
    )
    assert (changed, first.status) == ([0], "delivered")


def test_a_result_that_is_deleted_in_mid_delivery_is_erased_and_its_run_known(
    engine: Engine,
) -> None:
    (first,) = drained(engine, lambda _: delete(engine, "first"))
    with reading(engine) as connection:
        left = newest_result(connection, "first")
    assert (first.status, first.run_id is None, left) == ("delivered", False, None)


def test_a_result_that_is_saved_and_deleted_meanwhile_is_not_delivered(engine: Engine) -> None:
    def save_and_delete(_: Delivery) -> None:
        save(engine, "mlflow", test_id="second", user_id="u")
        delete(engine, "second")

    first, second = drained(engine, save_and_delete)
    assert (first.status, second.status) == ("delivered", "discarded")
