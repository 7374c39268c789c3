"""An identity token in a file is exchanged for an access token, again and again as tokens end."""

from __future__ import annotations

import json
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import requests
from urllib3.exceptions import InsecureRequestWarning

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.wandb.credentials import IdentityToken, Transport


class Exchange:
    """Answers from a list; keeps what it is asked."""

    def __init__(self) -> None:
        self.answers: list[requests.Response] = []
        self.asked: list[Any] = []

    def post(self, url: str, *, data: Any, auth: Any) -> requests.Response:
        request = requests.Request("POST", url).prepare()
        assert auth(request) is request  # a ~/.netrc is for nobody
        self.asked.append((url, data, dict(request.headers)))
        return self.answers.pop(0)


def answer(said: object, status: int = 200) -> requests.Response:
    found = requests.Response()
    found.status_code = status
    found._content = said if isinstance(said, bytes) else json.dumps(said).encode()
    return found


def granted(token: str, seconds: object = 3600) -> requests.Response:
    return answer({"access_token": token, "expires_in": seconds})


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def token(exchange: Exchange, tmp_path: Path) -> IdentityToken:
    file = tmp_path / "token"
    file.write_text(" größer.jwt\n", encoding="utf-8")
    transport: Any = exchange
    return IdentityToken("https://w", file, transport)


def signed(token: IdentityToken) -> str:
    return str(token(requests.Request("GET", "https://w").prepare()).headers["Authorization"])


def as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


ASKED = (
    "https://w/oidc/token",
    {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "größer.jwt"},
    {"Content-Length": "0"},
)


def test_a_token_signs_until_its_last_minute(
    token: IdentityToken, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    exchange.answers = [granted("one", 100), granted("two", "100")]
    seen = []
    for passed in (0.0, 40.0, 0.5):
        now += passed
        seen.append((signed(token), len(exchange.asked)))
    assert seen == [("Bearer one", 1), ("Bearer one", 1), ("Bearer two", 2)]
    assert exchange.asked == [ASKED, ASKED]


def test_a_first_token_is_fetched_however_young_the_machine_is(
    token: IdentityToken, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 0.5)
    exchange.answers = [granted("one")]
    assert signed(token) == "Bearer one"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (answer({"error": "no such issuer"}, 400), '400: {"error": "no such issuer"}'),
        (answer(b"<html>"), "200: a page"),
        (answer([]), "200: []"),
        (granted("t", "soon"), '200: {"access_token": "[hidden]", "expires_in": "soon"}'),
        (answer({"access_token": "t"}, 499), '499: {"access_token": "[hidden]"}'),
    ],
)
def test_a_token_that_is_refused_blocks(
    token: IdentityToken, exchange: Exchange, reply: requests.Response, told: str
) -> None:
    exchange.answers = [reply]
    with pytest.raises(ProviderBlockedError) as blocked:
        signed(token)
    words = f"W&B refuses the identity token ({told}). Check WANDB_IDENTITY_TOKEN_FILE."
    assert str(blocked.value) == words


def test_a_long_refusal_is_told_by_its_beginning(token: IdentityToken, exchange: Exchange) -> None:
    exchange.answers = [answer(b"x" * 5000, 400)]
    with pytest.raises(ProviderBlockedError) as blocked:
        signed(token)
    assert str(blocked.value).partition("(")[2].partition(")")[0].startswith("400: " + "x" * 187)
    assert len(str(blocked.value).partition("(")[2].partition(")")[0]) == len("400: ") + 200


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_fails_is_away(token: IdentityToken, exchange: Exchange, status: int) -> None:
    exchange.answers = [answer({}, status)]
    with pytest.raises(ProviderOfflineError) as away:
        signed(token)
    assert str(away.value) == f"W&B answers {status} to the identity token"


@pytest.mark.parametrize("content", [b"\xff", None])
def test_a_file_that_can_not_be_read_blocks(
    token: IdentityToken, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "token"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ProviderBlockedError, match=r"^WANDB_IDENTITY_TOKEN_FILE can't be read: "):
        signed(token)


def test_unchecked_certificates_are_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    def post(*_: object, **_given: object) -> None:
        warnings.warn("unverified", InsecureRequestWarning, stacklevel=1)
        warnings.warn("another", UserWarning, stacklevel=1)

    monkeypatch.setattr(requests, "post", post)
    with pytest.warns(UserWarning, match="another") as told:
        Transport({}, {}, verify=False).post("https://w", auth=as_it_is)
    assert [one.category for one in told] == [UserWarning]


def test_a_page_in_the_place_of_a_token_is_told_on_one_line(
    token: IdentityToken, exchange: Exchange
) -> None:
    exchange.answers = [answer(b"<html>\n<h1>Sign in</h1>\n</html>")]
    with pytest.raises(ProviderBlockedError, match=r"\(200: Sign in\)"):
        signed(token)
