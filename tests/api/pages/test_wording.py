"""What pages say once, and only where it is so."""

from __future__ import annotations

import re
from datetime import timedelta
from random import Random

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine, update

from fairmind_sync.outbox import outcomes, provider_state
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.storage.tables import outbox_table, provider_table
from tests.api.test_endpoints import client_of
from tests.support.clock import NOW
from tests.support.deliveries import claim, dead, save

READER = "b" * 16


@pytest.fixture
def looking(configured: Settings, engine: Engine) -> TestClient:
    """Whoever may look, and change nothing."""
    tokens = {"api_token": SecretStr("a" * 16), "api_read_token": SecretStr(READER)}
    client = client_of(configured.model_copy(update=tokens))
    client.headers["Authorization"] = f"Bearer {READER}"
    return client


@pytest.mark.parametrize("path", ["/", "/deliveries"])
def test_who_may_only_look_has_no_column_for_actions(
    looking: TestClient, engine: Engine, path: str
) -> None:
    dead(engine)
    page = looking.get(path).text
    assert re.findall(r'<th scope="col"[^>]*>(Action|Choose)<|data-label="(Action)"', page) == []


def test_a_page_that_is_not_there_says_so_once(client: TestClient) -> None:
    page = client.get("/nowhere", headers={"Accept": "text/html"}).text
    assert re.findall(r"<h1>(.*)</h1>\n<p>(.*)</p>", page) == [
        ("Not Found", "There is no such page.")
    ]


def test_an_error_that_repeats_its_kind_is_told_once(client: TestClient, engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    (delivery,) = claim(engine)
    words = "MLflow refuses this result (BAD_REQUEST): no"
    with writing(engine) as connection:
        outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, words, NOW)
    assert f'<dd class="error">{words}</dd>' in client.get("/result?test_id=t").text
    assert "the provider refuses this result" not in client.get("/").text


@pytest.mark.parametrize(("ahead", "shown"), [(0.5, "due now"), (60.0, "in ")])
def test_a_try_of_the_next_moment_is_due_now(
    client: TestClient, engine: Engine, ahead: float, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = current_time(engine)
    monkeypatch.setattr("fairmind_sync.api.pages.overview_page.current_time", lambda _: now)
    with writing(engine) as connection:
        provider_state.note_blocked(connection, "mlflow", "no", chance=Random(1), now=now)
        then = now + timedelta(seconds=ahead)
        connection.execute(update(provider_table).values(next_probe_at=then))
    (found,) = re.findall(r"<dt>Next try</dt><dd>(.*?)</dd>", client.get("/").text, re.DOTALL)
    assert re.sub("<[^>]*>", "", found).strip().startswith(shown)


@pytest.mark.parametrize(("count", "look"), [(2, "notice done"), (0, "notice")])
def test_success_looks_like_success(client: TestClient, count: int, look: str) -> None:
    page = client.get(f"/deliveries?retried={count}").text
    assert f'<p class="{look}" role="status">{count} deliveries were retried.' in page


@pytest.mark.parametrize(
    ("query", "offered"),
    [
        ("q=test", True),
        ("status=dead", True),
        ("error=large", True),
        ("provider=wandb", False),
        ("status=pending", False),
        ("", False),
    ],
)
def test_a_retry_of_all_is_offered_where_something_dead_matches(
    client: TestClient, engine: Engine, query: str, offered: bool
) -> None:
    dead(engine)
    save(engine, "wandb")
    assert ('id="retry-all"' in client.get(f"/deliveries?{query}").text) is offered


@pytest.mark.parametrize("path", ["/deliveries", "/result?test_id={}"])
def test_a_run_that_is_not_confirmed_says_what_it_is(
    client: TestClient, engine: Engine, path: str
) -> None:
    delivery = dead(engine)
    with writing(engine) as connection:
        connection.execute(update(outbox_table).values(run_id="run-1"))
    page = client.get(path.format(delivery.result.test_id)).text
    assert re.search(r">run-1</span>\s+<span[^>]*>begun by an attempt, not confirmed<", page)


def test_a_discard_looks_like_none_of_the_others(client: TestClient, engine: Engine) -> None:
    dead(engine)
    buttons = {
        do: re.findall(
            r'<button class="([^"]*)">', client.get(f"/deliveries/confirm?do={do}&all=1").text
        )
        for do in ("retry", "discard")
    }
    assert buttons == {"retry": ["main"], "discard": ["main danger"]}
