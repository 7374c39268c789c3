"""Prometheus' metrics, read from the database alone, and the answers for orchestrators."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.outbox import counters, provider_state, repairs
from fairmind_sync.outbox.heartbeat import Heartbeat
from fairmind_sync.providers.base import Dead, Retry
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import is_file, writing
from fairmind_sync.storage.tables import ALIVE_FOR
from fairmind_sync.testing import FakeProvider
from tests.api.test_endpoints import client_of
from tests.security.attack import BEARER, TOKEN, with_token
from tests.support.clock import NOW, Clock
from tests.support.deliveries import LEASE, claimed, dead, delivered, save

pytestmark = pytest.mark.mostly_sqlite

OF_A_FILE = ("database_wal_bytes", "disk_free_bytes")
LATENCIES = (0.05, 0.1, 0.3, 7.0, 100_000.0)


def metric(client: TestClient, name: str) -> dict[tuple[str, ...], float]:
    """The values of one metric by those of its labels, in the order of the labels' names."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        tuple(label for _, label in sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
        if sample.name == f"fairmind_sync_{name}"
    }


def count_latencies(engine: Engine) -> None:
    with writing(engine) as connection:
        for seconds in LATENCIES:
            counters.count_latency(connection, "mlflow", timedelta(seconds=seconds))


def start_daemon(engine: Engine, now: datetime) -> None:
    with writing(engine) as connection:
        Heartbeat().start(connection, now)


def test_metrics_are_in_prometheus_text_format(client: TestClient) -> None:
    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=")


def test_metrics_count_deliveries_by_status(client: TestClient, engine: Engine) -> None:
    delivered(engine)
    dead(engine)
    save(engine, "mlflow", "wandb")
    save(engine, "mlflow")
    found = metric(client, "deliveries")
    assert found == {
        ("mlflow", "pending"): 2,
        ("mlflow", "handed_over"): 0,
        ("mlflow", "delivered"): 1,
        ("mlflow", "dead"): 1,
        ("mlflow", "discarded"): 0,
        ("wandb", "pending"): 1,
        ("wandb", "handed_over"): 0,
        ("wandb", "delivered"): 0,
        ("wandb", "dead"): 0,
        ("wandb", "discarded"): 0,
    }


def test_metrics_tell_how_long_the_oldest_pending_delivery_waits(
    client: TestClient, engine: Engine
) -> None:
    for minutes in (60, 1):
        save(engine, "mlflow", now=utc_now() - timedelta(minutes=minutes))
    assert 3600 <= metric(client, "oldest_pending_seconds")["mlflow",] < 3660


def test_metrics_tell_no_wait_where_nothing_is_pending(client: TestClient, engine: Engine) -> None:
    dead(engine)
    assert metric(client, "oldest_pending_seconds") == {("mlflow",): 0, ("wandb",): 0}


def test_metrics_count_attempts_by_outcome_and_kind_of_error(
    client: TestClient, engine: Engine
) -> None:
    for _ in range(4):
        save(engine, "mlflow")
    provider = FakeProvider(
        script=[Retry(ErrorKind.UNCERTAIN, "500"), Dead(ErrorKind.REJECTED, "too large")]
    )
    Relay(engine, provider, max_attempts=3, clock=Clock()).drain()
    assert metric(client, "attempts_total") == {
        ("uncertain", "retry", "mlflow"): 1,
        ("rejected", "dead", "mlflow"): 1,
        ("", "delivered", "mlflow"): 2,
    }


def test_metrics_count_deliveries_that_killed_their_worker(
    client: TestClient, engine: Engine
) -> None:
    claimed(engine)
    with writing(engine) as connection:
        repairs.bury_exhausted(connection, "mlflow", max_attempts=1, now=NOW + LEASE)
    assert metric(client, "attempts_total") == {("worker_died", "dead", "mlflow"): 1}


def test_the_latency_histogram_is_cumulative(client: TestClient, engine: Engine) -> None:
    count_latencies(engine)
    assert metric(client, "delivery_seconds_bucket") == {
        (limit, "mlflow"): sum(seconds <= float(limit) for seconds in LATENCIES)
        for limit in (*map(str, counters.BUCKETS[:-1]), "+Inf")
    }


def test_the_latency_histograms_last_bucket_holds_its_count(
    client: TestClient, engine: Engine
) -> None:
    count_latencies(engine)
    last = metric(client, "delivery_seconds_bucket")["+Inf", "mlflow"]
    assert last == metric(client, "delivery_seconds_count")["mlflow",] == len(LATENCIES)


def test_a_latency_is_from_the_save_to_the_record_of_the_run(
    client: TestClient, engine: Engine
) -> None:
    save(engine, "mlflow")
    clock = Clock(NOW + timedelta(seconds=7))
    Relay(engine, FakeProvider(), max_attempts=1, clock=clock).drain()
    assert metric(client, "delivery_seconds_sum") == {("mlflow",): 7.0}


def test_metrics_tell_each_providers_state(client: TestClient, engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.note_blocked(connection, "wandb", "no key", chance=Random(1), now=NOW)
    assert {labels for labels, value in metric(client, "provider_state").items() if value} == {
        ("mlflow", "ready"),
        ("wandb", "blocked"),
    }


def test_metrics_tell_which_provider_is_paused(client: TestClient, engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.pause(connection, "wandb", NOW)
    assert metric(client, "provider_paused") == {("mlflow",): 0, ("wandb",): 1}


def test_metrics_tell_of_a_disk_only_where_it_is_ours(client: TestClient, engine: Engine) -> None:
    told = [f"fairmind_sync_{name} " in client.get("/metrics").text for name in OF_A_FILE]
    assert told == [is_file(engine)] * 2


def test_metrics_of_an_unusable_database_are_a_problem(unusable: Settings) -> None:
    reply = client_of(unusable).get("/metrics")
    assert (reply.status_code, reply.json()["status"]) == (503, 503)


def test_a_process_without_a_database_is_healthy(unusable: Settings) -> None:
    reply = client_of(unusable).get("/healthz")
    assert (reply.status_code, reply.json()) == (200, {"ok": True, "reason": None})


def test_nothing_is_ready_without_a_daemon(client: TestClient) -> None:
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json()) == (
        503,
        {"ok": False, "reason": "no daemon is running"},
    )


def test_it_is_ready_with_a_daemon(client: TestClient, engine: Engine) -> None:
    start_daemon(engine, utc_now())
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json()) == (200, {"ok": True, "reason": None})


def test_it_is_not_ready_with_a_daemon_that_died(client: TestClient, engine: Engine) -> None:
    start_daemon(engine, utc_now() - ALIVE_FOR)
    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_stranger_learns_which_part_is_not_ready_and_no_address(
    unusable: Settings, token: str | None
) -> None:
    guarded = unusable if token is None else with_token(unusable, token)
    reply = client_of(guarded).get("/readyz")
    assert (reply.status_code, reply.json()["reason"]) == (
        503,
        "the database can't be used; the log and 'fairmind-sync doctor' tell more",
    )


def test_who_has_the_token_learns_why_nothing_is_ready(unusable: Settings) -> None:
    reply = client_of(with_token(unusable)).get("/readyz", headers=BEARER)
    assert (reply.status_code, "FAIRMIND_SYNC_DATABASE_URL" in reply.json()["reason"]) == (
        503,
        True,
    )


def test_metrics_count_the_daemons_that_are_alive(client: TestClient, engine: Engine) -> None:
    for seen_at in (utc_now(), utc_now(), utc_now() - ALIVE_FOR):
        start_daemon(engine, seen_at)
    assert metric(client, "daemons_alive") == {(): 2}


@pytest.mark.parametrize(("most", "told"), [(500, {(): 500.0}), (0, {})])
def test_metrics_tell_the_backlogs_limit_where_there_is_one(
    configured: Settings, most: int, told: dict[tuple[str, ...], float]
) -> None:
    client = client_of(configured.model_copy(update={"max_backlog": most}))
    assert metric(client, "backlog_limit") == told
