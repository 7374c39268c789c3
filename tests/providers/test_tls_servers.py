"""What is wrong with a TLS connection or a proxy, told from what real ones do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from fairmind_sync.providers import proxy, tls
from tests.standins.crossing import serving
from tests.standins.forward_proxy import forward_proxy
from tests.standins.impostor import impostor
from tests.standins.loopback import json_reply
from tests.standins.tls_front import tls_front

VARIABLES = tls.TlsVariables("the server", "ADDRESS", "AUTHORITIES", "Set OURS.", "UNCHECKED=1")


@pytest.fixture
def plain() -> Iterator[int]:
    """The port of a server that speaks plain HTTP."""
    with impostor(json_reply({})) as address:
        yield int(urlsplit(address).port or 0)


def fault(address: str, **options: object) -> requests.exceptions.RequestException:
    """What a request ends by."""
    with pytest.raises(requests.exceptions.RequestException) as caught:
        requests.post(address, json={}, timeout=60, **options)  # type: ignore[arg-type]
    return caught.value


def test_a_server_that_wants_a_certificate_is_looked_at(
    plain: int, shown: Path, authority: Path
) -> None:
    with tls_front(plain, shown, authority) as front:
        address = f"https://127.0.0.1:{front}"
        cut = requests.exceptions.ConnectionError(ConnectionResetError(104, "reset"))
        assert "wants a certificate of ours" in str(tls.look(cut, address, VARIABLES))


def test_a_server_that_only_cut_a_connection_is_not_to_blame(plain: int, shown: Path) -> None:
    cut = requests.exceptions.ConnectionError(ConnectionResetError(104, "reset"))
    with tls_front(plain, shown) as front:
        assert tls.look(cut, f"https://127.0.0.1:{front}", VARIABLES) is None
    assert tls.look(cut, f"http://127.0.0.1:{plain}", VARIABLES) is None


def test_a_server_that_did_not_cut_is_not_looked_at(shown: Path) -> None:
    asked = []

    async def talk(reader: object, writer: object) -> None:
        asked.append(reader)

    with serving(talk) as port:
        slow = requests.exceptions.ReadTimeout("read timed out")
        assert tls.look(slow, f"http://127.0.0.1:{port}", VARIABLES) is None
    assert asked == []


def test_a_proxys_certificate_is_told_from_the_servers(plain: int, shown: Path) -> None:
    with tls_front(plain, shown) as front:
        error = fault("https://a.example", proxies={"https": f"https://127.0.0.1:{front}"})
    assert "the proxy's certificate is refused" in str(tls.refusal(error, VARIABLES))


def test_a_proxy_that_speaks_no_tls_is_told(plain: int) -> None:
    error = fault("https://a.example", proxies={"https": f"https://127.0.0.1:{plain}"})
    assert "Write HTTPS_PROXY=http://" in str(tls.refusal(error, VARIABLES))


@pytest.mark.parametrize(
    ("status", "words"), [(407, "the proxy refuses us (407)"), (403, "won't connect us (403")]
)
def test_a_proxy_that_refuses_to_connect_is_told(status: int, words: str) -> None:
    with impostor(json_reply({}, status)) as address:
        error = fault("https://a.example", proxies={"https": address})
    assert words in str(proxy.refusal(error))


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_proxy_that_finds_no_server_is_not_to_blame(status: int) -> None:
    with impostor(json_reply({}, status)) as address:
        error = fault("https://a.example", proxies={"https": address})
    assert proxy.refusal(error) is None


def test_a_proxy_with_the_right_password_is_passed(
    plain: int, shown: Path, authority: Path
) -> None:
    with ExitStack() as stack:
        front = stack.enter_context(tls_front(plain, shown))
        between = stack.enter_context(forward_proxy(front, "ann", "her word"))
        reply = requests.post(
            "https://mlflow.example",
            json={},
            timeout=60,
            verify=str(authority),
            proxies={"https": f"http://ann:her%20word@127.0.0.1:{between.port}"},
        )
    assert (reply.status_code, between.asked) == (200, {"mlflow.example"})
