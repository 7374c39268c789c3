"""The first page: the sentence on top, a card for each provider, causes of the dead, latest results."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine

from fairmind_sync.api.pages.rendering import ago
from fairmind_sync.operating import actions
from fairmind_sync.outbox import outcomes, samples
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import current_time, writing
from tests.api.test_endpoints import client_of
from tests.support.clock import NOW
from tests.support.deliveries import claim, dead, delivered, save
from tests.support.partner import handed_over

HOUR = timedelta(hours=1)


@pytest.fixture
def client(configured: Settings, engine: Engine) -> TestClient:
    return client_of(configured.model_copy(update={"provider": "mlflow"}))


def card(client: TestClient, provider: str) -> str:
    page = client.get("/").text
    found = re.search(
        rf'<section class="card" aria-labelledby="provider-{provider}".*?</section>',
        page,
        re.DOTALL,
    )
    assert found is not None
    return found[0]


def headline(client: TestClient) -> str:
    found = re.search(r'<h1 class="headline (\w+)">(.*?)</h1>', client.get("/").text)
    assert found is not None
    return found[2]


def test_the_headline_says_what_is_wrong_before_what_waits(
    client: TestClient, engine: Engine
) -> None:
    dead(engine)
    save(engine, "mlflow")
    assert headline(client) == "No daemon runs: 1 delivery waiting; 1 dead."


def test_a_count_leads_to_its_deliveries(client: TestClient, engine: Engine) -> None:
    dead(engine)
    assert 'href="/deliveries?provider=mlflow&amp;status=dead"><strong>1</strong> dead' in card(
        client, "mlflow"
    )


def test_a_provider_that_was_never_reached_is_not_ready(client: TestClient, engine: Engine) -> None:
    assert ">not used yet<" in card(client, "mlflow")


@pytest.mark.parametrize(
    ("provider", "verb"), [("mlflow", "Pause"), ("wandb", None)], ids=["enabled", "disabled"]
)
def test_only_an_enabled_provider_can_be_paused(
    client: TestClient, engine: Engine, provider: str, verb: str | None
) -> None:
    found = re.findall(r"<button[^>]*>(\w+)<", card(client, provider))
    assert found == ([verb] if verb else [])


def test_a_paused_provider_can_be_resumed(client: TestClient, engine: Engine) -> None:
    actions.pause(engine, "mlflow")
    assert re.findall(r"<button[^>]*>(\w+)<", card(client, "mlflow")) == ["Resume"]


def test_a_last_success_of_this_very_moment_is_just_now() -> None:
    assert ago(NOW, NOW - timedelta(milliseconds=3)) == "just now"


def test_a_day_of_samples_is_drawn_and_summed_up(client: TestClient, engine: Engine) -> None:
    now = current_time(engine)
    with writing(engine) as connection:
        samples.take(connection, now - 2 * HOUR)
    delivered(engine)
    save(engine, "mlflow")
    found = card(client, "mlflow")
    told = re.search(r"<dt>Last 24 h</dt><dd>(.*?)</dd>", found)
    assert told is not None
    words = re.sub("<[^>]*>|in .* on average", "", told[1])
    assert re.fullmatch(r"1 delivered, ; counted since \s*2 h ago\s*", words)
    assert "<strong>1</strong> delivered in all" in found
    assert "<polyline" in found


def test_what_was_done_is_told_where_it_was_asked_for(client: TestClient, engine: Engine) -> None:
    assert "6 deliveries were retried." in client.get("/?retried=6").text


def test_causes_can_be_retried_and_discarded_together(client: TestClient, engine: Engine) -> None:
    for number in range(2):
        save(engine, "mlflow", test_id=f"t{number}")
        (delivery,) = claim(engine)
        with writing(engine) as connection:
            outcomes.record_dead(
                connection, delivery, ErrorKind.REJECTED, f"a parameter of {7000 + number}", NOW
            )
    page = client.get("/").text
    chosen = "status=dead&amp;provider=mlflow&amp;kind=rejected&amp;cause=a+parameter+of+%E2%80%A6"
    assert f"/deliveries/confirm?do=retry&amp;all=1&amp;back=%2F&amp;{chosen}" in page


def test_the_latest_results_show_their_verdicts(client: TestClient, engine: Engine) -> None:
    save(engine, test_id="one", results={"risk_level": "critical"})
    save(engine, test_id="two", results={"metrics_passed": 2})
    badges = re.findall(r'<span class="badge (\w+)">([\w ]+)<', client.get("/").text)
    assert badges == [("good", "passed"), ("quiet", "no verdict"), ("bad", "critical risk")]


@pytest.mark.parametrize("query", ["q=t", "status=dead", "provider=mlflow", "cursor=3"])
def test_an_address_of_the_list_that_was_here_leads_to_the_list(
    client: TestClient, query: str
) -> None:
    reply = client.get(f"/?{query}", follow_redirects=False)
    assert (reply.status_code, reply.headers["location"]) == (307, f"/deliveries?{query}")


def test_an_empty_store_says_how_to_begin(client: TestClient) -> None:
    page = client.get("/").text
    assert "No result is saved yet" in page


def test_a_page_of_whoever_may_only_look_has_no_buttons(
    configured: Settings, engine: Engine
) -> None:
    dead(engine)
    update: dict[str, Any] = {
        "api_token": SecretStr("a" * 16),
        "api_read_token": SecretStr("b" * 16),
    }
    client = client_of(configured.model_copy(update=update))
    page = client.get("/", headers={"Authorization": f"Bearer {'b' * 16}"}).text
    assert re.findall(r'class="button"|<button[^>]*>([^<]*)<', page) == ["Sign out"]


def test_what_is_handed_over_is_counted_where_there_is_some(
    client: TestClient, engine: Engine
) -> None:
    assert "handed over" not in card(client, "mlflow")
    handed_over(engine)
    found = card(client, "mlflow")
    assert re.search(r'id="count-mlflow-handed_over".*?<strong>1</strong> handed over', found)
    assert "It was handed over to site partner" in client.get("/result?test_id=t").text
