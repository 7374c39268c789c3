"""Who isn't let in: foreign Host headers, other sites' pages, requests without the token."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import routing
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.api import body_limits, create_app
from fairmind_sync.outbox import provider_state
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading
from tests.api.test_endpoints import body
from tests.security.attack import API, BEARER, ask, client_of, with_token

OTHER_SITES: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:9999"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
]
OURSELVES: list[dict[str, str]] = [
    {},
    {"Origin": "http://localhost"},
    {"Origin": "http://LOCALHOST"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
]
CHANGES = [
    f"{API}/log-test",
    f"{API}/providers/mlflow/pause",
    f"{API}/providers/mlflow/resume",
    f"{API}/deliveries/1/retry",
    f"{API}/deliveries/1/discard",
    "/providers/mlflow/pause",
    "/providers/mlflow/resume",
    "/deliveries/1/retry",
    "/deliveries/1/discard",
    "/sign-in",
    "/sign-out",
]
TRAVERSALS = [
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e%2fapp.py",
    "/static/..%5capp.py",
    "/static/%252e%252e/app.py",
    "/static/x/../../app.py",
    "/static//etc/passwd",
    "/static/%2fetc%2fpasswd",
    "/static/page.css%00.py",
    "/static/%00",
    "/static/" + "../" * 30 + "etc/passwd",
    "/static/" + "a" * 5000,
]


@pytest.fixture
def client(configured: Settings) -> TestClient:
    return client_of(configured)


@pytest.fixture
def guarded(configured: Settings) -> Settings:
    return with_token(configured)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LocalHost",
        "127.0.0.1:8000",
        "[::1]",
        "[::1]:8000",
        "192.0.2.7:8000",
        "sync.example:443",
        "SYNC.example",
        socket.gethostname(),
    ],
)
def test_our_own_names_are_answered(configured: Settings, host: str) -> None:
    allowing = configured.model_copy(update={"api_allowed_hosts": ("Sync.example",)})
    assert ask(allowing, "/healthz", ("host", host)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "localhost.",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example#localhost",
        "evil.example/localhost",
        "localhost\\@evil.example",
        "[::1",
        "[::1].evil.example",
        "2130706433",
        "0x7f.1",
        "l\xf6calhost",
    ],
)
def test_another_name_is_refused(configured: Settings, host: str) -> None:
    assert ask(configured, "/healthz", ("host", host)).status == 421


@pytest.mark.parametrize(
    "host",
    [
        "evil.example@localhost",
        "user:password@127.0.0.1",
        "localhost/evil.example",
        "localhost?evil.example",
        "localhost#evil.example",
        "local\thost",
        "localhost:port",
        "localhost evil.example",
    ],
)
def test_what_is_no_host_at_all_is_refused(configured: Settings, host: str) -> None:
    assert ask(configured, "/healthz", ("host", host)).status == 421


@pytest.mark.parametrize("host", ["evil.example", "localhost", "a.b.c:1"])
def test_where_every_host_is_allowed_every_name_is_answered(
    configured: Settings, host: str
) -> None:
    allowing = configured.model_copy(update={"api_allowed_hosts": ("*",)})
    assert ask(allowing, "/healthz", ("host", host)).status == 200


def test_where_every_host_is_allowed_what_is_no_host_is_refused(configured: Settings) -> None:
    allowing = configured.model_copy(update={"api_allowed_hosts": ("*",)})
    assert ask(allowing, "/healthz", ("host", "a b")).status == 421


def test_a_request_without_a_host_is_refused(configured: Settings) -> None:
    assert ask(configured, "/healthz").status == 421


def test_a_foreign_name_is_refused_before_the_token_is_looked_at(guarded: Settings) -> None:
    asked = ask(
        guarded,
        f"{API}/status",
        ("host", "evil.example"),
        ("authorization", BEARER["Authorization"]),
    )
    assert asked.status == 421


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("headers", OTHER_SITES, ids=str)
def test_a_change_that_another_site_asks_for_is_refused(
    client: TestClient, path: str, headers: dict[str, str]
) -> None:
    assert client.post(path, headers=headers).status_code == 403


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "POST", "MADE-UP"])
def test_another_sites_method_does_not_matter(client: TestClient, method: str) -> None:
    reply = client.request(method, f"{API}/status", headers={"Sec-Fetch-Site": "cross-site"})
    assert reply.status_code == 403


def test_what_another_site_asks_for_is_not_done(client: TestClient, engine: Engine) -> None:
    client.post("/providers/mlflow/pause", headers={"Origin": "https://evil.example"})
    with reading(engine) as connection:
        assert not provider_state.read(connection, "mlflow").is_paused


@pytest.mark.parametrize("path", ["/providers/mlflow/pause", f"{API}/providers/mlflow/pause"])
@pytest.mark.parametrize("headers", OURSELVES, ids=str)
def test_programs_and_our_own_page_may_change_things(
    client: TestClient, path: str, headers: dict[str, str]
) -> None:
    assert client.post(path, headers=headers).status_code in (200, 303)


def test_a_program_may_log_a_test(client: TestClient) -> None:
    assert client.post(f"{API}/log-test", json=body()).status_code == 202


def endpoints(configured: Settings) -> Iterator[tuple[str, str]]:
    """Every method and path that the application has, with something in each parameter's place."""
    # FastAPI's older versions flatten routers themselves.
    each_route: Any = getattr(routing, "iter_route_contexts", iter)
    for route in each_route(create_app(configured).routes):
        path = re.sub(r"{.*?}", "1", str(route.path))
        methods = getattr(route, "methods", None)
        if methods is None:
            yield "GET", f"{path}/page.css"
        else:
            yield from ((method, path) for method in methods)


def test_without_the_token_only_health_and_sign_in_answer(guarded: Settings) -> None:
    client = client_of(guarded)
    answered = {
        path
        for method, path in endpoints(guarded)
        if client.request(method, path).status_code != 401
    }
    assert answered == {"/healthz", "/readyz", "/sign-in", "/static/page.css"}


def test_every_endpoint_was_found(guarded: Settings) -> None:
    paths = {path for _, path in endpoints(guarded)}
    assert {"/", "/metrics", "/openapi.json", f"{API}/runs", "/deliveries/1/retry"} <= paths


@pytest.mark.parametrize(
    "path",
    [
        "/static/../metrics",
        "/static/%2e%2e/metrics",
        "/healthz/../metrics",
        "/healthz/",
        "/healthz/../",
        "//metrics",
        "/metrics/",
        "/metrics;/healthz",
        "/metrics?/healthz",
        "/Metrics",
        "http://localhost/metrics",
    ],
)
def test_an_odd_path_is_no_way_past_the_token(guarded: Settings, path: str) -> None:
    asked = ask(guarded, path, ("host", "localhost"))
    assert asked.status in (401, 404)


@pytest.mark.parametrize("path", TRAVERSALS)
def test_static_files_are_all_that_static_gives(configured: Settings, path: str) -> None:
    assert ask(configured, path, ("host", "localhost")).status == 404


@pytest.mark.parametrize("path", ["/redoc", "/docs/swagger-ui.js.map"])
def test_pages_that_load_from_elsewhere_are_absent(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_stranger_can_not_fill_the_memory_at_the_sign_in(configured: Settings) -> None:
    client = client_of(with_token(configured))
    form = {"token": "x" * body_limits.LARGEST_OPEN_BODY}
    assert client.post("/sign-in", data=form).status_code == 413
