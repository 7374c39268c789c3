"""Saves that the REST API refuses are counted by reason, in our daemon and in a backend that mounts us."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY
from sqlalchemy import Engine

from fairmind_sync.api import document, refusals, request_limits
from fairmind_sync.api import router as mounted
from fairmind_sync.settings import Settings
from tests.api.test_endpoints import BASE, body, client_of
from tests.api.test_metrics import metric
from tests.security.attack import TOKEN, with_token
from tests.support.deliveries import save

URL = f"{BASE}/log-test"


def counted() -> dict[str, float]:
    """What the process has counted so far, by reason, as a backend's own metrics would show it."""
    return {
        reason: REGISTRY.get_sample_value("fairmind_sync_saves_refused_total", {"reason": reason})
        or 0
        for reason in refusals.REASONS
    }


@contextmanager
def counting() -> Iterator[Callable[[], dict[str, float]]]:
    """Yields what tells the reasons that were counted since."""
    refusals.counter()
    before = counted()
    yield lambda: {one: now - before[one] for one, now in counted().items() if now != before[one]}


def with_settings(configured: Settings, **changed: Any) -> TestClient:
    return client_of(configured.model_copy(update=changed))


def test_a_full_backlog_is_counted(configured: Settings, engine: Engine) -> None:
    save(engine, "mlflow")
    with counting() as found:
        status = with_settings(configured, max_backlog=1).post(URL, json=body()).status_code
    assert (status, found()) == (429, {"backlog_full": 1})


def test_a_database_that_takes_nothing_is_counted(unusable: Settings) -> None:
    with counting() as found:
        status = client_of(unusable).post(URL, json=body()).status_code
    assert (status, found()) == (503, {"database": 1})


@pytest.mark.parametrize(
    "content",
    [b'{"test_id": 1}', b"no JSON", b'{"\xff": 1}', json.dumps(body(test_id=" ")).encode()],
)
def test_content_that_cannot_be_saved_is_counted(client: TestClient, content: bytes) -> None:
    with counting() as found:
        client.post(URL, content=content, headers={"Content-Type": "application/json"})
    assert found() == {"content": 1}


def test_a_missing_provider_is_counted(configured: Settings) -> None:
    with counting() as found:
        with_settings(configured, provider="none").post(URL, json=body())
    assert found() == {"no_provider": 1}


def test_a_key_of_another_result_is_counted(client: TestClient) -> None:
    with counting() as found:
        for test_id in ("one", "other"):
            client.post(URL, json=body(test_id=test_id, wait=0), headers={"Idempotency-Key": "k"})
    assert found() == {"key_reused": 1}


def test_a_large_body_is_counted(client: TestClient) -> None:
    with counting() as found:
        client.post(URL, content=b" " * (16 * 1024 * 1024 + 1))
    assert found() == {"body": 1}


def test_a_save_without_the_token_is_counted(configured: Settings) -> None:
    with counting() as found:
        client_of(with_token(configured, TOKEN)).post(URL, json=body())
    assert found() == {"not_admitted": 1}


def test_a_save_without_a_place_is_counted(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "MOST_AT_ONCE", 0)
    with counting() as found:
        client.post(URL, json=body())
    assert found() == {"crowded": 1}


def test_a_mistake_of_ours_is_counted(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "_save", lambda *_: 1 / 0)
    with counting() as found, pytest.raises(ZeroDivisionError):
        client.post(URL, json=body())
    assert found() == {"unforeseen": 1}


def test_what_is_saved_or_only_asked_for_counts_as_no_refusal(client: TestClient) -> None:
    with counting() as found:
        client.post(URL, json=body(wait=0))
        client.get(f"{BASE}/run-url/mlflow/unknown")
        client.post(f"{BASE}/deliveries/1/retry", headers={"Host": "elsewhere.example"})
    assert found() == {}


def test_the_daemons_metrics_tell_each_reason_from_the_start(client: TestClient) -> None:
    assert {reason for (reason,) in metric(client, "saves_refused_total")} == {*refusals.REASONS}


def test_a_backend_that_mounts_the_router_counts_too(
    configured: Settings, unusable: Settings
) -> None:
    backend = FastAPI()
    backend.include_router(mounted)
    backend.state.settings = unusable
    with counting() as found:
        TestClient(backend).post(URL, json=body())
    assert found() == {"database": 1}
