"""One drain: what is claimed, what its outcome leaves behind, and when it ends."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.backoff import retry_cap
from fairmind_sync.clock import utc_now
from fairmind_sync.outbox.claims import LEASE
from fairmind_sync.providers.base import Dead, Delivered, Outcome, Retry
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.delivery import Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.tables import attempts_table, outbox_table, provider_table
from fairmind_sync.testing import FakeProvider
from tests.support.clock import NOW, Clock
from tests.support.databases import rows
from tests.support.deliveries import RUN, claim, save
from tests.support.log_events import captured_logs

pytestmark = pytest.mark.both_databases

FAILED = Retry(ErrorKind.UNCERTAIN, "500")
REFUSED = Dead(ErrorKind.REJECTED, "too large")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def drain(engine: Engine, provider: FakeProvider, clock: Clock, **options: Any) -> None:
    Relay(
        engine, provider, **{"max_attempts": 3, "chance": Random(1), "clock": clock, **options}
    ).drain()


def statuses(engine: Engine) -> list[str]:
    return [row.status for row in rows(engine, outbox_table)]


def test_a_due_delivery_becomes_a_run(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    provider = FakeProvider()
    drain(engine, provider, clock)
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.run_id, [*provider.runs]) == (
        "delivered",
        f"run-{row.delivery_key}",
        [row.delivery_key],
    )


def test_a_delivered_run_is_recorded_with_what_the_provider_said(
    engine: Engine, clock: Clock
) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(script=[Delivered(RUN, "there")]), clock)
    (row,) = rows(engine, outbox_table)
    assert (row.run_id, row.run_url, row.destination) == (RUN.id, RUN.url, "there")


def test_a_delivered_run_is_the_providers_last_success(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(), clock)
    (state,) = rows(engine, provider_table)
    assert (state.state, state.last_success_at) == ("ready", NOW)


def test_a_drain_goes_on_batch_after_batch(engine: Engine, clock: Clock) -> None:
    for _ in range(5):
        save(engine, "mlflow")
    drain(engine, FakeProvider(batch_size=2), clock)
    assert statuses(engine) == ["delivered"] * 5


def test_a_drain_leaves_other_providers_deliveries_alone(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow", "wandb")
    drain(engine, FakeProvider("wandb"), clock)
    assert statuses(engine) == ["pending", "delivered"]


def test_a_ready_provider_is_not_probed_before_deliveries(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    provider = FakeProvider()
    drain(engine, provider, clock)
    assert provider.probes == 0


def test_a_failed_delivery_is_due_again_within_its_delay(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(script=[FAILED]), clock)
    (row,) = rows(engine, outbox_table)
    assert (row.status, NOW < row.due_at <= NOW + retry_cap(1)) == ("pending", True)


def test_a_failed_delivery_waits_as_long_as_the_server_asks(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    wait = timedelta(minutes=7)
    drain(engine, FakeProvider(script=[Retry(ErrorKind.UNCERTAIN, "429", wait)]), clock)
    assert rows(engine, outbox_table)[0].due_at == NOW + wait


def test_a_failed_delivery_succeeds_when_it_is_due_again(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    provider = FakeProvider(script=[FAILED])
    drain(engine, provider, clock)
    clock.advance(retry_cap(1))
    drain(engine, provider, clock)
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.attempts, row.last_error) == ("delivered", 2, None)


def test_a_failure_does_not_keep_the_others_back(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    drain(engine, FakeProvider(script=[FAILED]), clock)
    assert statuses(engine) == ["pending", "delivered"]


def test_a_refused_delivery_is_dead(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(script=[REFUSED]), clock)
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.last_error_kind, row.last_error) == ("dead", "rejected", "too large")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Delivered(RUN, "there"), ("delivered", None, None)),
        (FAILED, ("retry", "uncertain", "500")),
        (REFUSED, ("dead", "rejected", "too large")),
    ],
)
def test_each_outcome_closes_an_attempt(
    engine: Engine, clock: Clock, outcome: Outcome, expected: tuple[str | None, ...]
) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(script=[outcome]), clock, worker="host:7")
    (attempt,) = rows(engine, attempts_table)
    assert (attempt.worker, tuple(attempt)[-3:]) == ("host:7", expected)


@pytest.mark.parametrize(
    ("outcome", "event", "level"),
    [
        (Delivered(RUN, "there"), "delivery.delivered", "info"),
        (FAILED, "delivery.retry_scheduled", "warning"),
        (REFUSED, "delivery.dead", "error"),
    ],
)
def test_each_outcome_is_logged_with_what_it_is_about(
    engine: Engine, clock: Clock, outcome: Outcome, event: str, level: str
) -> None:
    save(engine, "mlflow", test_id="t")
    with captured_logs() as events:
        drain(engine, FakeProvider(script=[outcome]), clock)
    (found,) = [each for each in events if each["event"] == event]
    bound = {key: found[key] for key in ("provider", "delivery", "test_id", "attempt", "log_level")}
    assert bound == {
        "provider": "mlflow",
        "delivery": 1,
        "test_id": "t",
        "attempt": 1,
        "log_level": level,
    }


def test_a_claim_is_logged(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    with captured_logs() as events:
        drain(engine, FakeProvider(), clock)
    assert {
        "event": "delivery.claimed",
        "provider": "mlflow",
        "count": 1,
        "log_level": "debug",
    } in (events)


def test_a_drain_with_nothing_due_logs_nothing(engine: Engine, clock: Clock) -> None:
    with captured_logs() as events:
        drain(engine, FakeProvider(), clock)
    assert events == []


def test_the_last_failed_attempt_ends_in_dead(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    provider = FakeProvider(script=[FAILED] * 3)
    for _ in range(3):
        drain(engine, provider, clock, max_attempts=3)
        clock.advance(timedelta(hours=1))
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.attempts, row.last_error) == ("dead", 3, "500")


def test_the_attempt_before_the_last_does_not(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    provider = FakeProvider(script=[FAILED] * 3)
    for _ in range(2):
        drain(engine, provider, clock, max_attempts=3)
        clock.advance(timedelta(hours=1))
    assert statuses(engine) == ["pending"]


def test_a_delivery_that_kills_each_worker_is_buried(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    for _ in range(3):
        claim(engine, now=clock())
        clock.advance(LEASE)
    with captured_logs() as events:
        drain(engine, FakeProvider(), clock, max_attempts=3)
    assert (statuses(engine), events) == (
        ["dead"],
        [{"event": "delivery.dead", "delivery": 1, "kind": "worker_died", "log_level": "error"}],
    )


def test_a_run_may_have_no_page(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(script=[Delivered(Run("r", None), "there")]), clock)
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.run_url) == ("delivered", None)


def test_without_a_clock_the_time_of_the_day_counts(engine: Engine) -> None:
    before = utc_now()
    save(engine, "mlflow", now=before)
    Relay(engine, FakeProvider(), max_attempts=1).drain()
    assert before <= rows(engine, outbox_table)[0].finished_at <= utc_now()


def test_an_attempt_tells_which_process_made_it(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(), clock)
    (attempt,) = rows(engine, attempts_table)
    assert attempt.worker == f"{socket.gethostname()}:{os.getpid()}"
