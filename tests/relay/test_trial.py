"""A provider that was blocked is ready again after a probe and one delivery on trial, not before."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.outbox import provider_state
from fairmind_sync.relay.loop import Relay
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import outbox_table
from fairmind_sync.testing import FakeProvider
from tests.support.databases import rows
from tests.support.deliveries import save
from tests.support.log_events import captured_logs

pytestmark = pytest.mark.both_databases


@pytest.mark.parametrize(
    ("stops", "state", "status"), [(True, "blocked", "pending"), (False, "ready", "delivered")]
)
def test_a_trial_that_a_stop_prevents_leaves_the_provider_blocked(
    engine: Engine, stops: bool, state: str, status: str
) -> None:
    save(engine, "mlflow")
    blocked = FakeProvider(unavailable=ProviderBlockedError("the key is wrong"))
    Relay(engine, blocked, max_attempts=3).drain()
    with captured_logs() as events:
        Relay(engine, FakeProvider(), 3, should_stop=lambda: stops).drain(probe_now=True)
    with reading(engine) as connection:
        found = provider_state.read(connection, "mlflow")
    (row,) = rows(engine, outbox_table)
    assert (found.state, row.status) == (state, status)
    logged = {event["event"] for event in events}
    assert ("provider.recovered" in logged) is not stops


def test_a_trial_is_one_delivery(engine: Engine) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    blocked = FakeProvider(unavailable=ProviderBlockedError("the key is wrong"))
    Relay(engine, blocked, max_attempts=3).drain()
    with captured_logs() as events:
        Relay(engine, FakeProvider(), 3).drain(probe_now=True)
    counts = [event["count"] for event in events if event["event"] == "delivery.claimed"]
    assert counts == [1, 1]
