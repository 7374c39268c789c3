"""Ids with spaces, joiners, marks of direction and emoji: stored, shown safely, found again."""

from __future__ import annotations

import html
import json
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from fairmind_sync.settings import Settings
from fairmind_sync.testing import new_result
from fairmind_sync.text import printable
from tests.security.attack import API, client_of
from tests.support.deliveries import save_with
from tests.support.processes import command
from tests.support.values import STRANGE_IDS


@pytest.fixture(params=STRANGE_IDS, ids=ascii)
def strange(request: pytest.FixtureRequest, configured: Settings) -> str:
    """The test's and model's id of a saved result."""
    text: str = request.param
    save_with(configured, [new_result(test_id=text, model_id=text, user_id="")])
    return text


@pytest.fixture
def client(configured: Settings) -> TestClient:
    return client_of(configured)


def test_the_result_is_found_by_its_id(client: TestClient, strange: str) -> None:
    assert client.get(f"{API}/results/{quote(strange)}").json()["results"][0]["id"] == strange


@pytest.mark.parametrize("name", ["test_id", "model_id"])
def test_its_deliveries_are_found_by_its_id(client: TestClient, strange: str, name: str) -> None:
    found = client.get(f"{API}/runs", params={name: strange}).json()["runs"]
    assert {run[name] for run in found} == {strange}


@pytest.mark.parametrize("path", ["/", "/result?test_id=", "/model?model_id="])
def test_a_page_shows_it_apart_from_other_text(client: TestClient, strange: str, path: str) -> None:
    page = client.get(path + (quote(strange) if "?" in path else "")).text
    shown = html.escape(strange)
    isolated = sum(page.count(f">{shown}</{element}>") for element in ("a", "bdi", "dd", "td"))
    hidden = page.count(f'value="{shown}"')  # nobody sees these
    others = page.count(shown) - isolated - hidden
    assert (isolated > 0, others == 0 or printable(strange) == strange) == (True, True)


def test_a_terminal_is_shown_no_mark_that_it_could_obey(configured: Settings, strange: str) -> None:
    env = {"FAIRMIND_SYNC_DATABASE_URL": configured.database_url, "COLUMNS": "300"}
    shown = command("runs", env=env).stdout
    assert (printable(strange) in shown, strange in shown) == (True, printable(strange) == strange)


def test_the_command_line_finds_it(configured: Settings, strange: str) -> None:
    env = {"FAIRMIND_SYNC_DATABASE_URL": configured.database_url}
    (first, *_) = json.loads(command("explain", strange, "--json", env=env).stdout)
    assert first["delivery"]["test_id"] == strange
