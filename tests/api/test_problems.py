"""Errors are RFC 9457 problem details, in our own application and in a backend's that mounts the API."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import SecretStr
from sqlalchemy import Engine

from fairmind_sync.api import create_app, router
from fairmind_sync.settings import Settings
from tests.api.test_endpoints import BASE, body, client_of
from tests.support.deliveries import delivered

pytestmark = pytest.mark.mostly_sqlite

LOG_TEST = f"{BASE}/log-test"
NEEDING_THE_DATABASE = (
    ("GET", "/runs"),
    ("GET", "/results/test_123"),
    ("GET", "/run-url/mlflow/run-1"),
    ("POST", "/log-test"),
    ("POST", "/deliveries/1/retry"),
    ("POST", "/deliveries/1/discard"),
    ("POST", "/providers/mlflow/pause"),
    ("POST", "/providers/mlflow/resume"),
)


def app_of(kind: str, configured: Settings, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """Our own, or a backend's own with the router mounted, whose settings are the environment."""
    if kind == "own":
        return create_app(configured)
    monkeypatch.setenv("MLOPS_PROVIDER", configured.provider)
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", configured.database_url)
    monkeypatch.setenv("FAIRMIND_SYNC_MAX_BACKLOG", str(configured.max_backlog))
    app = FastAPI()
    app.include_router(router)
    return app


@pytest.fixture(params=["own", "mounted"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def either(
    kind: str, configured: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> TestClient:
    """Delivery 1 is delivered, and the backlog holds no more than two."""
    app = app_of(kind, configured.model_copy(update={"max_backlog": 2}), monkeypatch)
    delivered(engine)
    return TestClient(app, base_url="http://localhost")


@pytest.fixture
def without_database(kind: str, unusable: Settings, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    return TestClient(app_of(kind, unusable, monkeypatch), base_url="http://localhost")


def is_problem(reply: Response, status: int) -> bool:
    """Whether the reply is a problem detail of this status, with the document's `success: false`."""
    told = {name: reply.json().get(name) for name in ("type", "title", "status", "success")}
    return (reply.status_code, reply.headers["content-type"], told) == (
        status,
        "application/problem+json",
        {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "success": False,
        },
    ) and bool(reply.json()["detail"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/run-url/mlflow/nope", 404),
        ("GET", "/results/nope", 404),
        ("POST", "/deliveries/7/retry", 404),
        ("POST", "/deliveries/1/retry", 409),
        ("POST", "/deliveries/1/discard", 409),
        ("POST", "/deliveries/x/retry", 422),
        ("POST", "/providers/neptune/pause", 422),
        ("GET", "/runs?status=running", 422),
    ],
)
def test_an_endpoints_error_is_a_problem(
    either: TestClient, method: str, path: str, status: int
) -> None:
    assert is_problem(either.request(method, BASE + path, json={"reason": "why"}), status)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_a_body_that_is_no_request_is_a_problem(either: TestClient, text: str) -> None:
    reply = either.post(LOG_TEST, content=text, headers={"Content-Type": "application/json"})
    assert is_problem(reply, 422)


def test_a_body_that_cannot_be_read_is_a_problem(either: TestClient) -> None:
    reply = either.post(LOG_TEST, content=b"\xff", headers={"Content-Type": "application/json"})
    assert is_problem(reply, 400)


def test_what_cannot_be_stored_is_a_problem(either: TestClient) -> None:
    assert is_problem(either.post(LOG_TEST, json=body(test_id=" ")), 422)


def test_a_full_backlog_is_a_problem(either: TestClient) -> None:
    either.post(LOG_TEST, json=body(test_id="first"))
    assert is_problem(either.post(LOG_TEST, json=body(test_id="second")), 429)


@pytest.mark.parametrize(("method", "path"), NEEDING_THE_DATABASE)
def test_an_unusable_database_is_a_problem(
    without_database: TestClient, method: str, path: str
) -> None:
    reply = without_database.request(method, BASE + path, json=body(reason="why"))
    assert is_problem(reply, 503)


def test_an_unusable_database_is_worth_another_try(without_database: TestClient) -> None:
    assert int(without_database.get(f"{BASE}/runs").headers["Retry-After"]) > 0


def test_a_backends_wrong_setting_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    app = FastAPI()
    app.include_router(router)
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", "mysql://h/db")
    assert is_problem(TestClient(app).get(f"{BASE}/status"), 500)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"test_type": None}, "test_type"),
        ({"results": [1]}, "results"),
        ({"metadata": "x"}, "metadata"),
        ({"wait": 61}, "wait"),
        ({"model_id": "m" * 501}, "model_id"),
    ],
)
def test_a_wrong_field_is_named(either: TestClient, changes: dict[str, Any], field: str) -> None:
    told = either.post(LOG_TEST, json=body(**changes)).json()
    assert (told["detail"].split(":")[0], [error["loc"] for error in told["errors"]]) == (
        field,
        [["body", field]],
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"test_id": "hunter2" * 100},
        {"wait": "hunter2"},
        {"metadata": "hunter2"},
        {"results": ["hunter2"]},
        {"test_type": {"hunter2": 1}},
    ],
)
def test_a_wrong_value_is_not_repeated(either: TestClient, changes: dict[str, Any]) -> None:
    assert "hunter2" not in either.post(LOG_TEST, json=body(**changes)).text


def test_a_wrong_value_in_a_query_is_not_repeated(either: TestClient) -> None:
    assert "hunter2" not in either.get(f"{BASE}/runs", params={"status": "hunter2"}).text


@pytest.mark.parametrize("path", ["/nowhere", "/static/nowhere", f"{BASE}/nowhere"])
def test_an_unknown_path_is_a_problem(client: TestClient, path: str) -> None:
    assert is_problem(client.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/status"), ("PUT", "/log-test"), ("GET", "/deliveries/1/retry")],
)
def test_a_method_that_a_path_lacks_is_a_problem(
    client: TestClient, method: str, path: str
) -> None:
    assert is_problem(client.request(method, BASE + path), 405)


def test_a_method_that_a_path_lacks_is_answered_with_those_it_has(client: TestClient) -> None:
    assert client.delete(f"{BASE}/status").headers["Allow"] == "GET"


def test_a_missing_token_is_a_problem(configured: Settings) -> None:
    token = SecretStr("a token of the test's own")
    client = client_of(configured.model_copy(update={"api_token": token}))
    assert is_problem(client.get(f"{BASE}/status"), 401)


def test_a_name_that_is_not_ours_is_a_problem(client: TestClient) -> None:
    assert is_problem(client.get(f"{BASE}/status", headers={"Host": "evil.example"}), 421)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://["])
def test_a_change_from_another_site_is_a_problem(client: TestClient, origin: str) -> None:
    reply = client.post(f"{BASE}/providers/mlflow/pause", headers={"Origin": origin})
    assert is_problem(reply, 403)
