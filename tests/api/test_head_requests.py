"""HEAD is answered as GET is, without a body."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.support.deliveries import save

PATHS = (
    *("/", "/healthz", "/readyz", "/models", "/result?test_id=t", "/result?test_id=no"),
    *("/deliveries.csv", "/api/v1/mlops/status", "/static/page.css", "/nowhere"),
)


@pytest.mark.parametrize("path", PATHS)
def test_a_head_is_answered_as_a_get_is(client: TestClient, engine: Engine, path: str) -> None:
    save(engine, test_id="t")
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
