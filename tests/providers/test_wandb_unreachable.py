"""What bars a small request to W&B, whose fault it is, and when the server is looked at; nothing is sent."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
import requests
from requests.auth import HTTPBasicAuth

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers import tls
from fairmind_sync.providers.wandb import service as services
from fairmind_sync.providers.wandb.service import Service

ADDRESS = "http://ann:pw@w"
CUT = requests.exceptions.ConnectionError(ConnectionResetError(104, "reset"))


def service(error: Exception) -> Service:
    class Transport:
        def post(self, *_words: object, **_given: object) -> None:
            raise error

    transport: Any = Transport()
    return Service(ADDRESS, HTTPBasicAuth("api", "key"), transport)


def told(error: Exception, *, probes: bool = False) -> tuple[type[Exception], str]:
    asked = service(error)
    with pytest.raises(Exception) as caught:  # noqa: PT011 which one is what is compared
        asked.viewer_entity("e", "p") if probes else asked.has_project("e", "p")
    assert caught.value.__cause__ is error
    return caught.type, str(caught.value)


AWAY = (ProviderOfflineError, "W&B at http://w can't be reached: reset")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a look at the server is given; it finds what a test says."""
    looks: list[Any] = []

    def look(*given: object) -> str:
        looks.append(given)
        return "it wants a certificate"

    monkeypatch.setattr(tls, "look", look)
    return looks


def test_a_probe_looks_at_a_server_that_cuts_connections(looks: list[Any]) -> None:
    assert told(CUT, probes=True) == (ProviderBlockedError, "it wants a certificate")
    assert looks == [(CUT, ADDRESS, services._TLS)]


def test_another_request_does_not_look(looks: list[Any]) -> None:
    assert (told(CUT), looks) == (AWAY, [])
    with pytest.raises(ProviderOfflineError):
        service(CUT).require_stream("e/p/r")
    assert looks == []


def test_a_look_may_find_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "look", lambda *_: None)
    assert told(CUT, probes=True) == AWAY


@pytest.mark.parametrize("probes", [True, False])
def test_a_certificate_that_is_refused_blocks_without_a_look(
    looks: list[Any], probes: bool
) -> None:
    refused = ssl.SSLCertVerificationError(1, "refused")
    refused.verify_code, refused.verify_message = 20, "unknown"
    words = (
        "the W&B server's certificate is refused: unknown. Have REQUESTS_CA_BUNDLE or SSL_CERT_FILE name a "
        "file with its authority's certificate, or set WANDB_INSECURE_DISABLE_SSL=true to check none."
    )
    error = requests.exceptions.SSLError(refused)
    assert (told(error, probes=probes), looks) == ((ProviderBlockedError, words), [])


def test_a_proxy_that_refuses_blocks() -> None:
    error = requests.exceptions.ProxyError(OSError("Tunnel connection failed: 407 Password"))
    words = "the proxy refuses us (407). Check user and password in HTTP_PROXY and HTTPS_PROXY."
    assert told(error) == (ProviderBlockedError, words)


def test_no_secret_of_an_address_is_told() -> None:
    error = requests.exceptions.InvalidURL("http://ann:pw@w is odd.")
    kind, words = told(error)
    assert (kind, "ann:pw" in words) == (ProviderBlockedError, False)
    assert words.startswith("WANDB_BASE_URL or a proxy's variable can't be used: http://")
