"""What a login takes from W&B's SDK: the address, the key, what goes along with our own requests."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from requests.auth import HTTPBasicAuth

from fairmind_sync.errors import ProviderBlockedError, ProviderBrokenError
from fairmind_sync.providers.wandb.credentials import IdentityToken, Transport
from fairmind_sync.providers.wandb.service import Service
from tests.providers.wandb_modules import of_ours, of_wandb

NO_KEY = "No API key configured"
KEY = ": check WANDB_API_KEY, or run 'wandb login'; a key is shown at wandb.ai/authorize."
SETTINGS: dict[str, Any] = {
    "base_url": "https://w/X/",
    "app_url": "https://pages/X/",
    "api_key": "the-key",
    "entity": None,
    "identity_token_file": None,
    "insecure_disable_ssl": False,
}


AUTH = HTTPBasicAuth("api", "key")


class Setup:
    """In the place of the SDK's settings and its login, whose calls are `asked`."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.asked: list[Any] = []
        self.trouble: Exception | None = None
        self.settings = SETTINGS
        self.login = of_ours("login")
        patched.setattr(of_wandb(".sdk.wandb_setup"), "singleton", self._singleton)
        patched.setattr(of_wandb(), "login", self._login)

    def _singleton(self) -> object:
        return SimpleNamespace(settings=SimpleNamespace(**self.settings))

    def _login(self, **given: object) -> None:
        self.asked.append(given)
        if self.trouble:
            raise self.trouble


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch) -> Setup:
    return Setup(monkeypatch)


def of_service(service: Service) -> tuple[str, Any, Transport]:
    return service._base_url, service._auth, service._transport


def test_address_and_key_are_those_of_the_sdk(setup: Setup) -> None:
    setup.settings = SETTINGS | {"entity": "of a file"}
    found = setup.login.log_in()
    address, auth, transport = of_service(found.service)
    assert (found.base_url, found.app_url, found.entity) == (
        "https://w/X",
        "https://pages/X",
        "of a file",
    )
    assert (address, auth) == ("https://w/X", HTTPBasicAuth("api", "the-key"))
    assert transport == Transport(headers={}, proxies={}, verify=None)
    assert setup.asked == [{"host": "https://w/X", "verify": False}]


def test_an_older_sdk_tells_its_pages_by_a_function(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.settings = {name: value for name, value in SETTINGS.items() if name != "app_url"}
    monkeypatch.setattr(setup.login, "app_url", lambda base: f"{base}/of-the-function/")
    assert setup.login.log_in().app_url == "https://w/X/of-the-function"


def test_a_runs_page_has_its_names_quoted(setup: Setup) -> None:
    assert (
        setup.login.log_in().run_url("a team", "a b", "r")
        == "https://pages/X/a%20team/a%20b/runs/r"
    )


def test_what_the_sdk_adds_to_requests_goes_along_with_ours(setup: Setup) -> None:
    setup.settings = SETTINGS | {
        "x_extra_http_headers": {"X-Gateway": "g"},
        "http_proxy": "http://one",
        "https_proxy": "http://two",
        "x_proxies": {"https": "http://three"},
        "insecure_disable_ssl": True,
    }
    assert of_service(setup.login.log_in().service)[2] == Transport(
        headers={"X-Gateway": "g"},
        proxies={"http": "http://one", "https": "http://three"},
        verify=False,
    )


def test_a_proxy_is_taken_for_its_own_scheme(setup: Setup) -> None:
    setup.settings = SETTINGS | {"https_proxy": "http://two", "x_proxies": None}
    assert of_service(setup.login.log_in().service)[2].proxies == {"https": "http://two"}


def test_an_identity_token_is_exchanged_at_the_same_address(setup: Setup) -> None:
    setup.settings = SETTINGS | {"identity_token_file": "/a/token"}
    _, auth, transport = of_service(setup.login.log_in().service)
    assert isinstance(auth, IdentityToken)
    assert (auth._base_url, auth._file, auth._transport) == (
        "https://w/X",
        Path("/a/token"),
        transport,
    )


def test_an_earlier_address_stays(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://other")
    assert setup.login.log_in("https://w/X").base_url == "https://w/X"
    assert os.environ["WANDB_BASE_URL"] == "https://w/X"


def test_an_address_counts_with_and_without_a_slash(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://w/X/")
    assert setup.login.log_in().base_url == "https://w/X"


def test_an_sdk_that_took_another_address_sends_nothing(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://other")
    with pytest.raises(ProviderBrokenError) as broken:
        setup.login.log_in()
    assert (str(broken.value), setup.asked) == ("W&B's SDK would send runs to https://w/X", [])


@pytest.mark.parametrize(
    ("kind", "words", "told"),
    [
        ("AuthenticationError", "it is short.", "W&B's SDK takes no key: it is short"),
        ("UsageError", "it is short", "W&B's SDK takes no key: it is short"),
        (
            "AuthenticationError",
            f"{NO_KEY}. Use `wandb login` to log in.",
            "there is no key for W&B",
        ),
        ("UsageError", f"{NO_KEY}. Use `wandb login` to log in.", "there is no key for W&B"),
    ],
)
def test_a_key_that_the_sdk_does_not_find_or_take_blocks(
    setup: Setup, kind: str, words: str, told: str
) -> None:
    setup.trouble = getattr(of_wandb(".errors"), kind)(words)
    with pytest.raises(ProviderBlockedError) as blocked:
        setup.login.log_in()
    assert str(blocked.value) == f"{told}{KEY}"


def test_a_missing_key_is_told_with_the_address_that_somebody_set(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://w/X")
    setup.trouble = of_wandb(".errors").UsageError(NO_KEY)
    with pytest.raises(
        ProviderBlockedError, match=r"^there is no key for W&B at https://w/X: check"
    ):
        setup.login.log_in()


def test_a_request_goes_as_the_transport_says(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(requests, "post", lambda url, **given: sent.append((url, given)))
    Transport({"X-Gateway": "g"}, {"http": "http://p"}, verify=False).post(
        "https://w/x", auth=AUTH, json={"a": 1}
    )
    assert sent == [
        (
            "https://w/x",
            {
                "auth": AUTH,
                "headers": {"X-Gateway": "g"},
                "proxies": {"http": "http://p"},
                "verify": False,
                "timeout": (5.0, 10.0),
                "allow_redirects": False,
                "json": {"a": 1},
            },
        )
    ]
