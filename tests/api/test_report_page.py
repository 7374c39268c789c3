"""The report on the status page: the same page as in a run's evidence, which runs no script."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.evidence.files import report_of
from fairmind_sync.outbox.saved_results import newest_result
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading
from tests.api.test_endpoints import client_of
from tests.support.deliveries import save

pytestmark = pytest.mark.mostly_sqlite


@pytest.fixture
def client(configured: Settings) -> TestClient:
    return client_of(configured)


def test_the_page_is_the_report(client: TestClient, engine: Engine) -> None:
    save(engine, "mlflow", test_id="t", results={"tpr": {"a": 0.5, "b": 0.7}})
    with reading(engine) as connection:
        result = newest_result(connection, "t")
    assert result is not None
    assert client.get("/report", params={"test_id": "t"}).text == report_of(result)


def test_a_revision_of_a_user_can_be_asked_for(client: TestClient, engine: Engine) -> None:
    for accuracy in (0.25, 0.5):
        save(engine, "mlflow", test_id="t", user_id="u", metadata={"seed": accuracy})
    asked: dict[str, str | int] = {"test_id": "t", "user_id": "u", "revision": 1}
    assert "<td>0.25</td>" in client.get("/report", params=asked).text


def test_the_results_page_leads_to_each_revisions_report(
    client: TestClient, engine: Engine
) -> None:
    for accuracy in (0.25, 0.5):
        save(engine, "mlflow", test_id="a b&c", user_id="", results={"accuracy": accuracy})
    page = client.get("/result", params={"test_id": "a b&c"}).text
    for revision in (1, 2):
        shown = client.get("/result", params={"test_id": "a b&c", "revision": revision}).text
        assert f"/result?test_id=a+b%26c&amp;user_id=&amp;revision={revision}" in page
        assert f"/report?test_id=a+b%26c&amp;user_id=&amp;revision={revision}" in shown


def test_a_test_that_is_not_saved_is_not_found(client: TestClient) -> None:
    assert client.get("/report", params={"test_id": "unknown"}).status_code == 404


def test_the_report_may_load_and_send_nothing(client: TestClient, engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    policy = client.get("/report", params={"test_id": "t"}).headers["Content-Security-Policy"]
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    style = parts.pop("style-src")
    assert parts == dict.fromkeys(
        ("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'"
    )
    assert style.startswith("'sha256-")
