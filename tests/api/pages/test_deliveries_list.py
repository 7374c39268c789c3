"""The list of deliveries: its filters, its pages in both orders, its files, and what acts on many."""

from __future__ import annotations

import csv
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.outbox import operator_log
from fairmind_sync.outbox.delivery_lookup import RunFilter, find
from fairmind_sync.storage.engine import reading
from tests.support.clock import NOW
from tests.support.deliveries import dead, delivered, save

DAY = timedelta(days=1)
LINK = re.compile(r'<a id="(newer|older)" href="([^"]+)"')


def shown(client: TestClient, address: str = "/deliveries") -> list[int]:
    return [int(one) for one in re.findall(r'<a id="test-(\d+)"', client.get(address).text)]


def links(client: TestClient, address: str) -> dict[str, str]:
    return {
        name: link.replace("&amp;", "&") for name, link in LINK.findall(client.get(address).text)
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [3, 2, 1]),
        ("user=bob", [3]),
        ("type=llm_bias", [3]),
        ("risk=high", [2]),
        ("error=quota", [1]),
        ("kind=rejected", [1]),
        ("status=dead&q=test", [1]),
        ("sort=oldest", [1, 2, 3]),
        (f"since={(NOW + DAY).date()}", [3, 2]),
        (f"until={(NOW + DAY).date()}", [2, 1]),
        ("since=&until=&sort=&before=&status=", [3, 2, 1]),
    ],
)
def test_the_form_narrows_the_list(
    client: TestClient, engine: Engine, query: str, expected: list[int]
) -> None:
    dead(engine, "over the quota")
    save(engine, "mlflow", now=NOW + DAY, results={"overall_risk": "high"})
    save(engine, "mlflow", now=NOW + 2 * DAY, user_id="bob", test_type="llm_bias")
    assert shown(client, f"/deliveries?{query}") == expected


@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_every_delivery_is_on_one_page_and_each_page_leads_back(
    client: TestClient, engine: Engine, sort: str
) -> None:
    for _ in range(120):
        save(engine, "mlflow")
    expected = sorted(range(1, 121), reverse=sort == "newest")
    address, seen, pages = f"/deliveries?sort={sort}", [], []
    while address:
        pages.append(address)
        seen += shown(client, address)
        address = links(client, address).get("older", "")
    assert (seen, len(pages)) == (expected, 3)
    back = links(client, pages[-1])["newer"]
    assert shown(client, back) == expected[50:100]
    assert shown(client, links(client, back)["newer"]) == expected[:50]
    assert "newer" not in links(client, links(client, back)["newer"])


def test_the_list_says_how_many_match(client: TestClient, engine: Engine) -> None:
    dead(engine)
    save(engine, "mlflow", "wandb")
    assert "<strong>2</strong> match" in client.get("/deliveries?status=pending").text


def test_names_that_the_results_have_are_suggested(client: TestClient, engine: Engine) -> None:
    save(
        engine, user_id="ann", test_type="llm_bias", model_id="m", results={"overall_risk": "high"}
    )
    page = client.get("/deliveries").text
    offered = ('<option value="ann">', '<option value="llm_bias">', '<option value="m">')
    assert [text in page for text in (*offered, "<option>high</option>")] == [True] * 4


def test_all_that_match_are_a_file_of_json(client: TestClient, engine: Engine) -> None:
    delivered(engine)
    dead(engine)
    reply = client.get("/deliveries.json?status=dead")
    (one,) = reply.json()
    assert (one["id"], one["status"], one["created_at"]) == (2, "dead", NOW.isoformat())
    assert "attachment" in reply.headers["content-disposition"]
    assert client.get("/deliveries.json?status=discarded").json() == []


def test_all_that_match_are_a_file_of_csv(client: TestClient, engine: Engine) -> None:
    dead(engine, '=HYPERLINK("http://evil.example")')
    (one,) = csv.DictReader(client.get("/deliveries.csv").text.splitlines())
    assert (one["status"], one["last_error"][:2]) == ("dead", "'=")


def test_a_file_holds_more_than_a_page(client: TestClient, engine: Engine) -> None:
    for _ in range(501):
        save(engine, "mlflow")
    ids = [one["id"] for one in client.get("/deliveries.json?sort=oldest").json()]
    assert ids == list(range(1, 502))


@pytest.mark.parametrize(
    "query", ["since=yesterday", "since=2026-02-31", "sort=random", "before=0", "q=" + "x" * 501]
)
def test_a_filter_that_makes_no_sense_is_told(client: TestClient, query: str) -> None:
    assert client.get(f"/deliveries?{query}").status_code == 422


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_first_and_the_last_day_there_is_are_days(client: TestClient, day: str) -> None:
    assert client.get(f"/deliveries?since={day}&until={day}").status_code == 200


def statuses(engine: Engine) -> list[str]:
    return [one.status for one in find(engine, RunFilter(is_oldest_first=True))]


def act(client: TestClient, **fields: Any) -> Any:
    return client.post("/deliveries/act", data=fields, follow_redirects=False)


@pytest.mark.parametrize(
    ("query", "heading", "named"),
    [
        (
            "do=retry&all=1&kind=rejected",
            "Retry 2 deliveries?",
            "dead deliveries whose error is of kind rejected",
        ),
        ("do=discard&all=1", "Discard 2 deliveries?", "dead deliveries"),
        ("do=discard&all=1&status=delivered", "Discard 2 deliveries?", "dead deliveries"),
        ("do=discard&all=1&status=pending", "Discard 1 delivery?", "pending deliveries"),
        ("do=retry&id=1", "Retry 1 delivery?", "chosen deliveries"),
    ],
)
def test_what_concerns_many_is_confirmed_first(
    client: TestClient, engine: Engine, query: str, heading: str, named: str
) -> None:
    dead(engine)
    dead(engine)
    save(engine, "mlflow")
    page = client.get(f"/deliveries/confirm?{query}").text
    assert (heading in page, f"That is: {named}." in page) == (True, True)
    assert statuses(engine) == ["dead", "dead", "pending"]


def test_all_dead_of_one_cause_are_retried_at_once(client: TestClient, engine: Engine) -> None:
    dead(engine, "over the quota")
    dead(engine, "over the quota")
    dead(engine, "too long")
    reply = act(client, do="retry", all="1", error="over the quota", back="/deliveries?status=dead")
    assert reply.headers["location"] == "/deliveries?status=dead&retried=2"
    assert statuses(engine) == ["pending", "pending", "dead"]
    assert "2 deliveries were retried." in client.get(reply.headers["location"]).text


def test_chosen_deliveries_are_discarded_with_the_reason(
    client: TestClient, engine: Engine
) -> None:
    for _ in range(3):
        dead(engine)
    reply = act(client, do="discard", id=["1", "3"], reason="old", back="//evil.example")
    assert reply.headers["location"] == "/"
    assert statuses(engine) == ["discarded", "dead", "discarded"]
    with reading(engine) as connection:
        (noted,) = operator_log.newest(connection, 5)
    assert (noted.action, noted.subject, noted.reason, noted.origin) == (
        "discard",
        "deliveries 1, 3",
        "old",
        "page from testclient",
    )


@pytest.mark.parametrize("do", ["retry", "discard"])
@pytest.mark.parametrize("how", ["confirm", "act"])
def test_where_nothing_is_chosen_nothing_is_done(
    client: TestClient, engine: Engine, do: str, how: str
) -> None:
    dead(engine)
    save(engine, "mlflow")
    fields = {"do": do, "reason": "x", "back": "/deliveries?status=dead"}
    if how == "confirm":
        reply = client.get("/deliveries/confirm", params=fields, follow_redirects=False)
    else:
        reply = act(client, **fields)
    assert reply.headers["location"] == "/deliveries?status=dead&chosen=0"
    assert "No delivery was chosen" in client.get(reply.headers["location"]).text
    assert statuses(engine) == ["dead", "pending"]


def test_a_confirmation_names_the_error(client: TestClient, engine: Engine) -> None:
    dead(engine, "over the quota")
    page = client.get("/deliveries/confirm?do=retry&all=1&error=quota").text
    assert "That is: dead deliveries whose error has \u201cquota\u201d." in page


@pytest.mark.parametrize("query", ["all=1", "&".join(f"id={number}" for number in range(1, 13))])
def test_a_confirmation_shows_the_first_of_many(
    client: TestClient, engine: Engine, query: str
) -> None:
    for number in range(12):
        dead(engine, f"over the quota of {number}")
    page = client.get(f"/deliveries/confirm?do=retry&{query}").text
    errors = re.findall(r'data-label="Last error">over the quota of (\d+)<', page)
    assert (len({*errors}), "and 2 more" in page) == (10, True)


def test_a_retry_of_all_that_match_leaves_what_is_pending(
    client: TestClient, engine: Engine
) -> None:
    dead(engine)
    save(engine, "mlflow")
    act(client, do="retry", all="1", status="pending")
    assert statuses(engine) == ["pending", "pending"]


def test_who_did_what_is_shown(client: TestClient, engine: Engine) -> None:
    dead(engine)
    act(client, do="discard", id="1", reason="the model was withdrawn")
    page = client.get("/operators").text
    assert "discard delivery 1" in page
    assert "the model was withdrawn" in page


def test_a_list_of_many_actions_has_pages(client: TestClient, engine: Engine) -> None:
    for _ in range(51):
        dead(engine)
    for number in range(1, 52):
        client.post(f"/deliveries/{number}/retry")
    (older,) = re.findall(r'href="(/operators\?before=\d+)"', client.get("/operators").text)
    assert client.get(older).text.count("retry delivery") == 1


def test_json_without_a_match_is_an_empty_array(client: TestClient) -> None:
    assert json.loads(client.get("/deliveries.json").text) == []


@pytest.mark.parametrize(
    ("query", "offered"),
    [
        ("", ["retry-chosen", "discard-chosen"]),
        ("?status=dead", ["retry-chosen", "discard-chosen"]),
        ("?status=pending", ["discard-chosen"]),
        ("?status=delivered", []),
    ],
)
def test_only_what_can_be_done_with_a_status_is_offered(
    client: TestClient, engine: Engine, query: str, offered: list[str]
) -> None:
    dead(engine)
    delivered(engine)
    save(engine, "mlflow")
    page = client.get(f"/deliveries{query}").text
    assert re.findall(r'id="(\w+-chosen)"', page) == offered
