"""A list whose filter matches little is read once: no other statement counts what the page holds already."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event

from tests.support.databases import place_of
from tests.support.deliveries import dead, save

pytestmark = pytest.mark.mostly_sqlite


def reads(client: TestClient, engine: Engine, address: str) -> tuple[int, str]:
    """How many statements look for deliveries by a filter, and the page."""
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    page = client.get(address).text
    plain = [one.replace(f"{place_of(engine)}.", "") for one in statements]
    return sum("outbox JOIN bias_test_results" in one for one in plain), page


@pytest.mark.parametrize(
    "query", ["", "?q=nobody", "?error=quota", "?status=dead", "?until=2020-01-01"]
)
def test_what_fits_on_a_page_is_read_once(client: TestClient, engine: Engine, query: str) -> None:
    dead(engine, "over the quota")
    assert reads(client, engine, f"/deliveries{query}")[0] == 1


def test_the_page_that_holds_all_says_how_many_and_what_can_be_retried(
    client: TestClient, engine: Engine
) -> None:
    dead(engine, "over the quota")
    save(engine, "mlflow")
    page = client.get("/deliveries?type=ml_bias").text
    assert re.findall(r"<strong>(\d+)</strong> match", page) == ["2"]
    assert "Retry all dead that match" in page
    assert "Retry all dead that match" not in client.get("/deliveries?type=ml_bias&q=nobody").text


def test_a_page_beyond_the_last_counts_all(client: TestClient, engine: Engine) -> None:
    dead(engine)
    page = client.get("/deliveries?type=ml_bias&before=1").text
    assert re.findall(r"<strong>(\d+)</strong> match", page) == ["1"]
