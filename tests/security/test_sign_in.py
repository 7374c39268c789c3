"""The token and the cookie that stands for it: nothing else opens, and signing in leads nowhere else."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient
from itsdangerous import TimestampSigner

from fairmind_sync.api.session import COOKIE, LASTS_S, Token
from fairmind_sync.settings import Settings
from tests.security.attack import API, BEARER, TOKEN, ask, client_of, with_token

SALT = "fairmind-sync.session"
UMBRELLA = "schlüssel-für-fairmind-☂"
AWAY = [
    "//evil.example",
    "///evil.example",
    "////evil.example/x",
    "https://evil.example",
    "https:evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "//\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "///\tevil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "//user@evil.example",
    "//[",
    "http://[",
    "",
]
HERE = ["/", "/?q=a&status=dead", "/result?test_id=a%2Fb", "/model?model_id=m%0d%0aSet-Cookie:a"]


@pytest.fixture
def client(configured: Settings) -> TestClient:
    return client_of(with_token(configured))


def sign_in(client: TestClient, token: str = TOKEN, back: str = "/") -> Any:
    return client.post("/sign-in", data={"token": token, "back": back})


def signed_at(moment: float, monkeypatch: pytest.MonkeyPatch, token: str = TOKEN) -> str:
    """The cookie that a sign-in at that time got."""
    with monkeypatch.context() as patch:
        patch.setattr(TimestampSigner, "get_timestamp", lambda _self: int(moment))
        return Token(token).session()


def status_with(client: TestClient, cookie: str) -> int:
    return client.get(f"{API}/status", headers={"Cookie": f'{COOKIE}="{cookie}"'}).status_code


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN.upper()}",
        f"Bearer {TOKEN},{TOKEN}",
        f"Basic {TOKEN}",
        f"Token {TOKEN}",
        TOKEN,
        f"Bearer{TOKEN}",
        "Bearer \xff\xfe\xe4",
    ],
)
def test_nothing_but_the_token_opens(configured: Settings, authorization: str | None) -> None:
    sent = [] if authorization is None else [("authorization", authorization)]
    asked = ask(with_token(configured), f"{API}/status", ("host", "localhost"), *sent)
    assert asked.status == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_token_opens_whatever_the_schemes_case(client: TestClient, scheme: str) -> None:
    reply = client.get(f"{API}/status", headers={"Authorization": f"{scheme} {TOKEN}"})
    assert reply.status_code == 200


def test_a_token_in_the_address_opens_nothing(client: TestClient) -> None:
    assert client.get(f"{API}/status", params={"token": TOKEN, "access_token": TOKEN}).is_error


def test_a_token_that_is_not_ascii_opens_as_programs_send_it(configured: Settings) -> None:
    guarded = with_token(configured, UMBRELLA)
    sent = f"Bearer {UMBRELLA}".encode().decode("latin-1")
    asked = ask(guarded, f"{API}/status", ("host", "localhost"), ("authorization", sent))
    assert asked.status == 200


@pytest.mark.parametrize(("given", "status"), [(UMBRELLA, 303), (UMBRELLA[:-1], 401)])
def test_a_token_that_is_not_ascii_opens_the_page(
    configured: Settings, given: str, status: int
) -> None:
    assert sign_in(client_of(with_token(configured, UMBRELLA)), given).status_code == status


def test_tokens_are_compared_in_constant_time(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr(secrets, "compare_digest", lambda a, b: compared.append((a, b)))
    client.get(f"{API}/status", headers={"Authorization": "Bearer guess"})
    assert compared == [(b"guess", TOKEN.encode())]


def test_a_program_is_told_how_to_authenticate(client: TestClient) -> None:
    assert client.get(f"{API}/status").headers["WWW-Authenticate"] == "Bearer"


def test_a_browser_is_sent_to_sign_in_and_back(client: TestClient) -> None:
    reply = client.get("/result?test_id=a%2Fb", headers={"Accept": "text/html"})
    assert reply.headers["Location"] == "/sign-in?back=%2Fresult%3Ftest_id%3Da%252Fb"


def test_a_sign_in_opens_the_page(client: TestClient) -> None:
    sign_in(client)
    assert client.get("/").status_code == 200


def test_a_wrong_token_sets_no_cookie(client: TestClient) -> None:
    assert "Set-Cookie" not in sign_in(client, "wrong").headers


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(client: TestClient) -> None:
    flags = sign_in(client).headers["Set-Cookie"].split("; ")[1:]
    assert sorted(flags) == ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=strict"]


def test_the_cookie_stays_on_https_where_it_was_set_there(configured: Settings) -> None:
    client = client_of(with_token(configured), "https://localhost")
    assert "Secure" in sign_in(client).headers["Set-Cookie"].split("; ")


def test_the_cookie_does_not_hold_the_token(client: TestClient) -> None:
    assert TOKEN not in sign_in(client).headers["Set-Cookie"]


def test_signing_out_takes_the_cookie_away(client: TestClient) -> None:
    sign_in(client)
    client.post("/sign-out")
    assert client.get(f"{API}/status").status_code == 401


def test_a_cookie_of_eleven_hours_ago_opens(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status_with(client, signed_at(time.time() - 11 * 3600, monkeypatch)) == 200


def test_a_cookie_ends(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert status_with(client, signed_at(time.time() - LASTS_S - 5, monkeypatch)) == 401


def test_a_cookie_made_with_another_token_opens_nothing(client: TestClient) -> None:
    assert status_with(client, Token("another-token-of-ours").session()) == 401


FORGED = {
    "empty": "",
    "without a signature": "signed in",
    "the token": TOKEN,
    "empty parts": "signed in..",
    "made up": "signed in.aaaa.bbbb",
    "not ASCII": "\xff\xff",
    "octal": "\\377.\\377.\\377",
    "long": "a" * 4000,
    "punctuation": "=;=;=",
    "another salt": TimestampSigner(TOKEN).sign("signed in").decode(),
    "another meaning": TimestampSigner(TOKEN, salt=SALT).sign("other").decode(),
    "an empty token": TimestampSigner("", salt=SALT).sign("signed in").decode(),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_cookie_opens_nothing(configured: Settings, name: str) -> None:
    asked = ask(
        with_token(configured),
        f"{API}/status",
        ("host", "localhost"),
        ("cookie", f'{COOKIE}="{FORGED[name]}"'),
    )
    assert asked.status == 401


def test_a_cookie_made_as_ours_are_opens(client: TestClient) -> None:
    assert status_with(client, TimestampSigner(TOKEN, salt=SALT).sign("signed in").decode()) == 200


def test_a_cookie_with_a_later_time_is_forged(client: TestClient) -> None:
    meaning, _, signature = Token(TOKEN).session().split(".")
    later = TimestampSigner(TOKEN).sign("x").decode().split(".")[1][:-1] + "Z"
    assert status_with(client, f"{meaning}.{later}.{signature}") == 401


@pytest.mark.parametrize("back", AWAY, ids=repr)
def test_signing_in_leads_to_no_other_site(client: TestClient, back: str) -> None:
    location = sign_in(client, back=back).headers["Location"]
    assert re.match(r"/(?![/\\])", location)  # browsers read /\ and /// as the start of a host


@pytest.mark.parametrize("back", AWAY, ids=repr)
def test_a_button_of_the_page_leads_to_no_other_site(client: TestClient, back: str) -> None:
    reply = client.post("/providers/wandb/pause", data={"back": back}, headers=BEARER)
    assert re.match(r"/(?![/\\])", reply.headers["Location"])


@pytest.mark.parametrize("back", HERE)
def test_signing_in_leads_back_to_our_own_page(client: TestClient, back: str) -> None:
    assert sign_in(client, back=back).headers["Location"] == back


@pytest.mark.parametrize("back", ["/\r\nSet-Cookie: a=b", "/%0d%0aSet-Cookie:%20a=b", "/\0"])
def test_the_way_back_holds_no_second_header(client: TestClient, back: str) -> None:
    assert not re.search(r"[\r\n\0]", sign_in(client, back=back).headers["Location"])
