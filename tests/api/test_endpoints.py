"""The endpoints' answers, over a database without a daemon."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.api import create_app
from fairmind_sync.relay.loop import Relay
from fairmind_sync.settings import Settings
from fairmind_sync.testing import FakeProvider, new_result
from tests.support.deliveries import save_with

pytestmark = pytest.mark.mostly_sqlite

BASE = "/api/v1/mlops"


def client_of(configured: Settings) -> TestClient:
    return TestClient(create_app(configured), base_url="http://localhost")


@pytest.fixture
def client(configured: Settings) -> TestClient:
    return client_of(configured)


def body(**changes: Any) -> dict[str, Any]:
    return {
        "test_id": "test_123",
        "model_id": "my_model",
        "test_type": "ml_bias",
        "results": {"accuracy": 0.85},
        "wait": 0,
    } | changes


def test_status_names_the_enabled_providers(client: TestClient) -> None:
    answer = client.get(f"{BASE}/status").json()
    assert answer == {
        "success": True,
        "status": {
            "provider": "both",
            "wandb": {"enabled": True, "project": "fairmind-bias-detection", "entity": None},
            "mlflow": {
                "enabled": True,
                "tracking_uri": "http://localhost:5000",
                "experiment_name": "fairmind_bias_detection",
            },
        },
        "enabled": True,
    }


def test_status_hides_a_password_in_the_tracking_uri(configured: Settings) -> None:
    uri = "http://user:hunter2@mlflow.example"
    client = client_of(configured.model_copy(update={"mlflow_tracking_uri": uri}))
    assert "hunter2" not in client.get(f"{BASE}/status").text


def test_log_test_answers_accepted_when_the_wait_ran_out(client: TestClient) -> None:
    reply = client.post(f"{BASE}/log-test", json=body())
    assert (reply.status_code, reply.json()["status"]) == (202, "pending")


def test_log_test_names_each_pending_delivery(client: TestClient) -> None:
    entries = client.post(f"{BASE}/log-test", json=body()).json()["logging_status"]
    assert {name: entry["delivery_id"] for name, entry in entries.items()} == {
        "wandb": 1,
        "mlflow": 2,
    }


def test_log_test_is_a_bad_request_when_no_provider_is_enabled(configured: Settings) -> None:
    client = client_of(configured.model_copy(update={"provider": "none"}))
    reply = client.post(f"{BASE}/log-test", json=body())
    assert (reply.status_code, "MLOPS_PROVIDER" in reply.json()["detail"]) == (400, True)


@pytest.mark.parametrize("missing", ["test_id", "model_id", "test_type", "results"])
def test_log_test_needs_the_documents_fields(client: TestClient, missing: str) -> None:
    incomplete = {key: value for key, value in body().items() if key != missing}
    assert client.post(f"{BASE}/log-test", json=incomplete).status_code == 422


def test_log_test_names_what_cannot_be_stored(client: TestClient) -> None:
    reply = client.post(f"{BASE}/log-test", json=body(test_id="bad\x00id"))
    assert (reply.status_code, "test_id" in reply.json()["detail"]) == (422, True)


def test_log_test_is_unavailable_when_the_database_is(configured: Settings) -> None:
    url = "sqlite:////proc/nowhere/results.db"
    client = client_of(configured.model_copy(update={"database_url": url}))
    assert client.post(f"{BASE}/log-test", json=body()).status_code == 503


def test_the_same_test_logged_twice_is_one_result(client: TestClient) -> None:
    first, second = (
        client.post(f"{BASE}/log-test", json=body()).json()["logging_status"] for _ in range(2)
    )
    assert first == second


def test_a_delivered_test_is_answered_with_its_runs(configured: Settings, engine: Engine) -> None:
    client = client_of(configured)
    client.post(f"{BASE}/log-test", json=body())
    Relay(engine, FakeProvider("wandb"), max_attempts=1).drain()
    Relay(engine, FakeProvider("mlflow"), max_attempts=1).drain()
    reply = client.post(f"{BASE}/log-test", json=body())
    assert (reply.status_code, reply.json()["success"]) == (200, True)


def test_run_url_answers_from_the_database(configured: Settings, engine: Engine) -> None:
    save_with(configured, [new_result()])
    provider = FakeProvider("mlflow")
    Relay(engine, provider, max_attempts=1).drain()
    (key,) = provider.runs
    reply = client_of(configured).get(f"{BASE}/run-url/mlflow/run-{key}")
    assert reply.json()["url"] == f"https://fake.example/run-{key}"


@pytest.mark.parametrize(("provider", "status"), [("mlflow", 404), ("wandb", 404), ("other", 422)])
def test_run_url_of_an_unknown_run_is_not_found(
    client: TestClient, provider: str, status: int
) -> None:
    assert client.get(f"{BASE}/run-url/{provider}/nope").status_code == status
