"""What the page says after a resume: that the provider is asked, and what it answers."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from random import Random

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.operating import actions
from fairmind_sync.operating.asked_again import answer_of
from fairmind_sync.outbox import provider_state
from fairmind_sync.outbox.heartbeat import Heartbeat
from fairmind_sync.outbox.provider_state import ProviderState
from fairmind_sync.storage.engine import current_time, writing
from tests.support.clock import NOW

SECOND = timedelta(seconds=1)
AWAITED = "mlflow is being asked. This page shows the answer when you load it again."
REFUSED = "mlflow was asked again, and is still blocked: There is no key."


def note_blocked(engine: Engine) -> None:
    now = current_time(engine)
    with writing(engine) as connection:
        provider_state.note_blocked(
            connection, "mlflow", "There is no key.", chance=Random(1), now=now
        )


@pytest.fixture
def asked(client: TestClient, engine: Engine) -> str:
    """Where a resume of a blocked provider leads, while a daemon is alive."""
    with writing(engine) as connection:
        Heartbeat().start(connection, current_time(engine))
    note_blocked(engine)
    reply = client.post(
        "/providers/mlflow/resume", data={"back": "/?retried=3"}, follow_redirects=False
    )
    return str(reply.headers["location"])


def told(client: TestClient, address: str) -> list[str]:
    found = re.findall(r'<p class="notice[^"]*" role="status">(.*?)</p>', client.get(address).text)
    return [html.unescape(re.sub("<[^>]*>", "", one)) for one in found]


def take_probe(engine: Engine) -> None:
    with writing(engine) as connection:
        assert provider_state.take_probe(connection, "mlflow", current_time(engine))


def test_a_resume_says_that_the_provider_is_asked(client: TestClient, asked: str) -> None:
    assert told(client, asked) == [AWAITED]


def test_the_answer_is_awaited_while_the_provider_is_asked(
    client: TestClient, engine: Engine, asked: str
) -> None:
    take_probe(engine)
    assert told(client, asked) == [AWAITED]


def test_the_answer_is_told(client: TestClient, engine: Engine, asked: str) -> None:
    take_probe(engine)
    note_blocked(engine)
    assert told(client, asked) == [REFUSED]


def test_a_provider_that_is_back_is_told(client: TestClient, engine: Engine, asked: str) -> None:
    with writing(engine) as connection:
        provider_state.note_ready(connection, "mlflow", current_time(engine))
    assert told(client, asked) == ["mlflow takes deliveries."]


def test_the_end_of_a_pause_is_told(client: TestClient, engine: Engine) -> None:
    actions.pause(engine, "mlflow")
    reply = client.post("/providers/mlflow/resume", data={"back": "/"})
    assert "mlflow takes deliveries." in reply.text


def test_a_resume_of_what_is_ready_says_nothing(client: TestClient) -> None:
    reply = client.post("/providers/mlflow/resume", data={"back": "/"}, follow_redirects=False)
    assert reply.headers["location"] == "/"


@pytest.mark.parametrize("query", ["asked=nobody&at=1", "asked=mlflow"])
def test_an_address_that_was_made_up_is_harmless(client: TestClient, query: str) -> None:
    assert client.get(f"/?{query}").status_code == 200


def away(next_probe_at: datetime, address: str | None = None) -> ProviderState:
    return ProviderState("offline", "No route.", NOW, next_probe_at, None, address)


@pytest.mark.parametrize(
    ("state", "after", "words"),
    [
        (away(NOW), 1, "is being asked."),
        (away(NOW + 31 * SECOND), 5, "is being asked."),
        (away(NOW + 3 * SECOND, "https://mlflow.example"), 2, "still offline: No route."),
        (away(NOW + 75 * SECOND), 61, "still offline: No route."),
        (away(NOW + 40 * SECOND), 61, "still offline: No route."),
        (away(NOW), 61, "is being asked."),
    ],
)
def test_what_is_out_of_reach_has_answered_when_it_is_known(
    state: ProviderState, after: int, words: str
) -> None:
    found = answer_of("mlflow", state, NOW, NOW + after * SECOND, alive=True)
    assert found.words.endswith(words)


def test_without_a_daemon_nobody_asks() -> None:
    found = answer_of("mlflow", away(NOW), NOW, NOW, alive=False)
    assert found.words == "No daemon is running, which would ask mlflow."
