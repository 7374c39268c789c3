"""Why what is pending waits, in lists: on the page, and at the command line."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from random import Random

import pytest
from sqlalchemy import Connection, Engine

from fairmind_sync.errors import ProviderOfflineError
from fairmind_sync.operating.why_waiting import reason_of, why_held_back
from fairmind_sync.outbox import provider_state
from fairmind_sync.outbox.delivery_lookup import RunFilter, find
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading, writing
from tests.api.test_endpoints import client_of
from tests.support.clock import NOW
from tests.support.deliveries import claim, dead, save
from tests.support.processes import command

CHANCE = Random(1)


def blocked(connection: Connection) -> None:
    provider_state.note_blocked(connection, "mlflow", "There is no key.", chance=CHANCE, now=NOW)


def offline(connection: Connection) -> None:
    error = ProviderOfflineError("It is away.")
    provider_state.note_unavailable(
        connection, "mlflow", error, "It is away.", chance=CHANCE, now=NOW
    )


def paused(connection: Connection) -> None:
    provider_state.pause(connection, "mlflow", NOW)


def reasons(engine: Engine) -> list[str | None]:
    with reading(engine) as connection:
        held = why_held_back(connection)
    return [reason_of(one, held, NOW) for one in find(engine, RunFilter(is_oldest_first=True))]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("put", "reason"),
    [
        (blocked, "It waits: mlflow is blocked: There is no key."),
        (offline, "It waits: mlflow is offline: It is away."),
        (paused, "It waits: mlflow is paused."),
    ],
)
def test_what_is_pending_waits_for_its_provider(
    engine: Engine, put: Callable[[Connection], object], reason: str
) -> None:
    dead(engine, "too large")
    save(engine, "mlflow")
    save(engine, "wandb")
    with writing(engine) as connection:
        put(connection)
    assert reasons(engine) == ["too large", reason, None]


def test_what_is_under_way_does_not_wait(engine: Engine) -> None:
    save(engine, "mlflow")
    claim(engine)
    with writing(engine) as connection:
        paused(connection)
    assert reasons(engine) == [None]


def test_a_long_reason_is_shortened(engine: Engine) -> None:
    save(engine, "mlflow")
    with writing(engine) as connection:
        provider_state.note_blocked(connection, "mlflow", "no " * 99, chance=CHANCE, now=NOW)
    (reason,) = reasons(engine)
    assert reason is not None
    assert (len(reason), reason[-1]) == (200, "…")


@pytest.fixture
def waiting(engine: Engine) -> Engine:
    save(engine, "mlflow", test_id="t")
    with writing(engine) as connection:
        blocked(connection)
    return engine


def page_of(configured: Settings) -> str:
    page = re.sub(r"<[^>]*>", " ", client_of(configured).get("/deliveries").text)
    return " ".join(html.unescape(page).split())


@pytest.mark.parametrize(
    ("put", "said"),
    [
        (blocked, "mlflow is blocked, so its deliveries wait: There is no key."),
        (offline, "mlflow is offline, so its deliveries wait: It is away."),
        (paused, "mlflow is paused, so its deliveries wait."),
    ],
)
def test_the_list_of_deliveries_says_once_why_they_wait(
    engine: Engine, configured: Settings, put: Callable[[Connection], object], said: str
) -> None:
    for _ in range(3):
        save(engine, "mlflow")
    with writing(engine) as connection:
        put(connection)
    assert page_of(configured).count(said) == 1


@pytest.mark.usefixtures("waiting")
def test_each_delivery_that_waits_leads_to_its_providers_card(configured: Settings) -> None:
    client = client_of(configured)
    cells = re.findall(r'data-label="Reason">(.*)</td>', client.get("/deliveries").text)
    assert [re.sub(r' id="[^"]*"', "", cell) for cell in cells] == [
        '<a href="/#provider-mlflow">blocked</a>'
    ]
    assert 'id="provider-mlflow"' in client.get("/").text


def test_a_provider_that_holds_nothing_of_the_list_back_is_not_told(
    engine: Engine, configured: Settings
) -> None:
    dead(engine, "too large")
    with writing(engine) as connection:
        blocked(connection)
    assert "deliveries wait" not in page_of(configured)
    assert "too large" in page_of(configured)


@pytest.mark.parametrize("verb", [["runs"], ["results", "show", "t"]], ids=" ".join)
def test_the_command_line_says_why_deliveries_wait(waiting: Engine, verb: list[str]) -> None:
    env = {"FAIRMIND_SYNC_DATABASE_URL": waiting.url.render_as_string()}
    assert "It waits: mlflow is blocked: There is no key." in command(*verb, env=env).stdout
