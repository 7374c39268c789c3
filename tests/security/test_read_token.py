"""The token that lets its holders look: at everything, and change nothing; with the cookie as without."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine

from fairmind_sync.api.server import require_guard
from fairmind_sync.api.session import COOKIE, Token
from fairmind_sync.errors import SettingsError
from fairmind_sync.outbox import operator_log
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading
from tests.api.test_endpoints import body
from tests.security.attack import API, TOKEN, client_of
from tests.support.deliveries import dead

LOOK = "only-to-look-at-it"
LOOKER = {"Authorization": f"Bearer {LOOK}"}
CHANGES: list[tuple[str, dict[str, Any]]] = [
    (f"{API}/log-test", {"json": body()}),
    (f"{API}/deliveries/1/retry", {}),
    (f"{API}/deliveries/1/discard", {"json": {"reason": "x"}}),
    (f"{API}/providers/mlflow/pause", {}),
    (f"{API}/providers/mlflow/resume", {}),
    ("/deliveries/1/retry", {}),
    ("/deliveries/1/discard", {"data": {"reason": "x"}}),
    ("/deliveries/act", {"data": {"do": "retry"}}),
    ("/providers/mlflow/pause", {}),
]


@pytest.fixture
def guarded(configured: Settings) -> Settings:
    both = {"api_token": SecretStr(TOKEN), "api_read_token": SecretStr(LOOK)}
    return configured.model_copy(update=both)


@pytest.fixture
def client(guarded: Settings, engine: Engine) -> TestClient:
    dead(engine)
    return client_of(guarded)


def sign_in(client: TestClient, token: str, name: str = "") -> Any:
    return client.post("/sign-in", data={"token": token, "name": name, "back": "/"})


@pytest.mark.parametrize(
    "path", ["/", "/deliveries", "/models", "/operators", f"{API}/runs", "/metrics"]
)
def test_its_holder_sees_everything(client: TestClient, path: str) -> None:
    assert client.get(path, headers=LOOKER).status_code == 200


@pytest.mark.parametrize(("path", "sent"), CHANGES, ids=[path for path, _ in CHANGES])
@pytest.mark.parametrize("how", ["bearer", "cookie"])
def test_its_holder_changes_nothing(
    client: TestClient, path: str, sent: dict[str, Any], how: str
) -> None:
    if how == "cookie":
        sign_in(client, LOOK)
    headers = LOOKER if how == "bearer" else {}
    reply = client.post(path, headers=headers, **sent)
    assert reply.status_code == 403
    assert "may look, not act" in reply.json()["detail"]


def test_its_holder_can_sign_in_and_out(client: TestClient) -> None:
    assert sign_in(client, LOOK).status_code == 303
    assert client.get("/").status_code == 200
    assert client.post("/sign-out").status_code == 303


def test_the_other_token_acts_still(client: TestClient) -> None:
    sign_in(client, TOKEN)
    assert client.post("/deliveries/1/retry").status_code == 303


def test_a_cookie_to_look_is_void_once_either_token_is_changed(
    guarded: Settings, engine: Engine
) -> None:
    cookie = sign_in(client_of(guarded), LOOK).cookies[COOKIE]
    for name in ("api_token", "api_read_token"):
        changed = guarded.model_copy(update={name: SecretStr("another-secret-text")})
        reply = client_of(changed).get(f"{API}/status", headers={"Cookie": f"{COOKIE}={cookie}"})
        assert reply.status_code == 401


def test_a_cookie_signed_with_the_token_to_look_does_not_let_act(client: TestClient) -> None:
    forged = Token(LOOK).session()
    reply = client.post("/deliveries/1/retry", headers={"Cookie": f"{COOKIE}={forged}"})
    assert reply.status_code == 401


@pytest.mark.parametrize("name", ["Ann", "Ünal & Söhne; a=b", 'x" y', "名前", "  Ann "])
def test_who_signs_in_with_a_name_is_kept_with_it(
    client: TestClient, engine: Engine, name: str
) -> None:
    sign_in(client, TOKEN, name)
    client.post("/deliveries/1/retry")
    with reading(engine) as connection:
        (one,) = operator_log.newest(connection, 5)
    assert (one.who, one.origin) == (name.strip(), "page from testclient")


def test_who_acts_by_the_rest_api_is_kept_as_such(client: TestClient, engine: Engine) -> None:
    client.post(f"{API}/deliveries/1/retry", headers={"Authorization": f"Bearer {TOKEN}"})
    with reading(engine) as connection:
        (one,) = operator_log.newest(connection, 5)
    assert (one.who, one.origin) == ("no name given", "REST API from testclient")


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ({"api_read_token": LOOK}, "without FAIRMIND_SYNC_API_TOKEN"),
        ({"api_token": TOKEN, "api_read_token": TOKEN}, "are the same"),
    ],
)
def test_tokens_that_make_no_sense_together_are_refused(
    configured: Settings, tokens: dict[str, str], said: str
) -> None:
    update = {name: SecretStr(value) for name, value in tokens.items()}
    with pytest.raises(SettingsError, match=said):
        require_guard(configured.model_copy(update=update))


def test_the_page_of_the_rest_api_loads_from_here_alone(client: TestClient) -> None:
    page = client.get("/docs", headers=LOOKER)
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert all(address.startswith("/") for address in loaded)
    for address in (one for one in loaded if one.startswith(("/docs/", "/static/"))):
        assert client.get(address, headers=LOOKER).status_code == 200
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
