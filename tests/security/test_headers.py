"""What every answer says to a browser: load nothing from elsewhere, be embedded nowhere, keep nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from fastapi.testclient import TestClient

from fairmind_sync.api.pages import overview_page
from fairmind_sync.settings import Settings
from tests.api.test_endpoints import body
from tests.security.attack import API, BEARER, client_of, with_token

HTML = {"Accept": "text/html"}
JSON = {"Content-Type": "application/json"}
ANSWERS: dict[int, list[Callable[[TestClient], Any]]] = {
    200: [
        lambda client: client.get("/", headers=BEARER),
        lambda client: client.get("/healthz"),
        lambda client: client.get("/sign-in"),
        lambda client: client.get("/static/page.css"),
        lambda client: client.get("/openapi.json", headers=BEARER),
        lambda client: client.get("/metrics", headers=BEARER),
    ],
    202: [lambda client: client.post(f"{API}/log-test", json=body(), headers=BEARER)],
    303: [lambda client: client.get("/", headers=HTML)],
    307: [lambda client: client.get(f"{API}/status/", headers=BEARER)],
    400: [lambda client: client.post(f"{API}/log-test", content=b"\xff", headers=BEARER | JSON)],
    401: [
        lambda client: client.get("/"),
        lambda client: client.post("/sign-in", data={"token": "wrong"}),
    ],
    403: [lambda client: client.post("/sign-in", headers={"Origin": "null"})],
    404: [
        lambda client: client.get("/nowhere", headers=BEARER),
        lambda client: client.get("/static/nowhere.css"),
        lambda client: client.get("/result?test_id=unknown", headers=BEARER),
    ],
    405: [lambda client: client.delete("/healthz")],
    413: [lambda client: client.post("/sign-in", content=b"x" * (16 * 1024 * 1024 + 1))],
    421: [lambda client: client.get("/", headers={"Host": "evil.example"})],
    422: [lambda client: client.post(f"{API}/log-test", json={}, headers=BEARER)],
}
KINDS = [(status, place) for status, asked in ANSWERS.items() for place in range(len(asked))]


@pytest.fixture
def client(configured: Settings) -> TestClient:
    return client_of(with_token(configured))


def policy_of(reply: Any) -> set[str]:
    return set(reply.headers.get("Content-Security-Policy", "").split("; "))


def security_of(reply: Any) -> dict[str, str | None]:
    """What keeps an answer from being guessed at, embedded, leaked and kept."""
    names = ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cache-Control")
    return {name: reply.headers.get(name) for name in names}


SECURE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@pytest.mark.parametrize(("status", "place"), KINDS)
def test_the_kinds_of_answer_are_what_they_are_called(
    client: TestClient, status: int, place: int
) -> None:
    assert ANSWERS[status][place](client).status_code == status


@pytest.mark.parametrize(("status", "place"), KINDS)
def test_every_answer_forbids_what_its_policy_does_not_name(
    client: TestClient, status: int, place: int
) -> None:
    assert "default-src 'none'" in policy_of(ANSWERS[status][place](client))


@pytest.mark.parametrize(("status", "place"), KINDS)
def test_every_answer_is_secure_in_a_browser(client: TestClient, status: int, place: int) -> None:
    assert security_of(ANSWERS[status][place](client)) == SECURE


def failing(*_: object) -> NoReturn:
    raise RuntimeError("a bug")


def test_an_answer_to_our_own_mistake_is_secure_too(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview_page, "overview", failing)
    reply = client.get("/", headers=BEARER)
    assert (reply.status_code, security_of(reply)) == (500, SECURE)


def test_an_answer_to_our_own_mistake_does_not_show_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview_page, "overview", failing)
    assert "bug" not in client.get("/", headers=BEARER).text


def test_the_page_runs_no_script_but_its_own(client: TestClient) -> None:
    policy = policy_of(client.get("/", headers=BEARER))
    assert {part for part in policy if part.startswith("script-src")} == {"script-src 'self'"}


def test_the_page_sends_forms_nowhere_else(client: TestClient) -> None:
    policy = policy_of(client.get("/", headers=BEARER))
    assert {"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} <= policy


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "HEAD"])
def test_no_other_sites_script_may_read_an_answer(client: TestClient, method: str) -> None:
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    reply = client.request(method, f"{API}/status", headers=BEARER | asking)
    assert [name for name in reply.headers if name.startswith("access-control")] == []
