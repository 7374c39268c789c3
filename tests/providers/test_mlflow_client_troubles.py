"""Both clients of MLflow's REST API, ours and that of MLflow's package, fail the same."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow.http_client import HttpClient, Reply, Request
from fairmind_sync.providers.mlflow.http_server import HttpServer
from fairmind_sync.providers.mlflow.runs_api import NotSentError, UncertainError
from tests.providers.rest_clients import CLIENTS, JSON, NotingHandler, NotingServer, both
from tests.standins import loopback
from tests.standins.faults import Action, Fault, Faults
from tests.standins.forward_proxy import forward_proxy
from tests.standins.tls_front import tls_front
from tests.support.certificates import issued

pytestmark = pytest.mark.usefixtures("home")


def trouble(uri: str, path: str = JSON.path) -> tuple[type[Exception], str]:
    """The error of both clients, which has to be of one kind, and the thin client's words."""

    def error_of(client: HttpClient) -> Exception:
        with pytest.raises(Exception) as caught:  # noqa: PT011 which one is what is compared
            HttpServer(uri, client).send(Request("POST", path, json={}))
        return caught.value

    def seen(make: Callable[[str], HttpClient]) -> Exception:
        try:
            return error_of(make(uri))
        except ProviderBlockedError as error:  # already when the client is made
            return error

    thin, package = (seen(make) for make in CLIENTS.values())
    assert type(thin) is type(package), (thin, package)
    return type(thin), str(thin)


@pytest.mark.parametrize("action", ["drop_before", "drop_after", "half", "hang"])
def test_a_reply_that_is_lost_is_uncertain(noting_server: NotingServer, action: Action) -> None:
    noting_server.faults.replace([Fault("any", action, times=2)])
    assert trouble(f"http://127.0.0.1:{noting_server.port}")[0] is UncertainError


def test_a_request_that_found_nobody_was_not_sent() -> None:
    kind, words = trouble("http://127.0.0.1:1")
    assert (kind, "can't be reached" in words) == (NotSentError, True)


def test_a_host_that_nobody_knows_was_not_asked() -> None:
    assert trouble("http://no-such-host.invalid")[0] is NotSentError


def test_a_proxy_that_is_away_passed_nothing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    assert trouble("http://mlflow.example")[0] is NotSentError


def test_a_socks_proxy_without_its_package_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    kind, words = trouble("http://mlflow.example")
    assert (kind, "pip install 'requests[socks]'" in words) == (ProviderBlockedError, True)


@pytest.fixture(params=["file", "folder"])
def trusted(request: pytest.FixtureRequest, authority: Path, tmp_path: Path) -> Path:
    """The authority's certificate: as a file, or in a folder under the name that OpenSSL looks for."""
    if request.param == "file":
        return authority
    hashed = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", str(authority)],  # noqa: S607 on PATH
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    folder = tmp_path / "trusted"
    folder.mkdir()
    (folder / f"{hashed}.0").symlink_to(authority)
    return folder


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE"])
def test_authorities_are_trusted(
    noting_server: NotingServer,
    shown: Path,
    trusted: Path,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, str(trusted))
    with tls_front(noting_server.port, shown) as front:
        replies = both(f"https://127.0.0.1:{front}", lambda client: client.send(JSON))
    assert len(noting_server.asked) == len(replies)


def test_a_certificate_of_nobody_known_blocks(noting_server: NotingServer, shown: Path) -> None:
    with tls_front(noting_server.port, shown) as front:
        kind, words = trouble(f"https://127.0.0.1:{front}")
    assert (kind, "certificate is refused" in words) == (ProviderBlockedError, True)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # the package's client warns of it
def test_none_is_checked_where_none_is_to_be(
    noting_server: NotingServer, shown: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    with tls_front(noting_server.port, shown) as front:
        both(f"https://127.0.0.1:{front}", lambda client: client.send(JSON))
    assert len(noting_server.asked) == len(CLIENTS)


def test_our_own_certificate_is_shown(
    noting_server: NotingServer, shown: Path, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(authority))
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(issued(authority, "ours")))
    with tls_front(noting_server.port, shown, authority) as front:
        both(f"https://127.0.0.1:{front}", lambda client: client.send(JSON))
    assert len(noting_server.asked) == len(CLIENTS)


@pytest.mark.parametrize(
    "variable",
    [
        "MLFLOW_TRACKING_SERVER_CERT_PATH",
        "MLFLOW_TRACKING_CLIENT_CERT_PATH",
        "REQUESTS_CA_BUNDLE",
    ],
)
def test_a_file_that_is_not_there_blocks(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "no.pem"))
    kind, words = trouble("https://127.0.0.1:1")
    assert (kind, "no.pem" in words) == (ProviderBlockedError, True)


@contextmanager
def by_proxy(noting_server: NotingServer, shown: Path) -> Iterator[tuple[str, Any]]:
    with ExitStack() as stack:
        front = stack.enter_context(tls_front(noting_server.port, shown))
        proxy = stack.enter_context(forward_proxy(front, "ann", "her word"))
        yield f"127.0.0.1:{proxy.port}", proxy


def test_a_proxy_with_the_right_password_is_passed(
    noting_server: NotingServer, shown: Path, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(authority))
    monkeypatch.setenv("NO_PROXY", "")
    with by_proxy(noting_server, shown) as (address, proxy):
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:her%20word@{address}")
        both("https://mlflow.example", lambda client: client.send(JSON))
    assert (len(noting_server.asked), proxy.asked) == (len(CLIENTS), {"mlflow.example"})


def test_a_proxy_with_a_wrong_password_blocks(
    noting_server: NotingServer, shown: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    with by_proxy(noting_server, shown) as (address, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:wrong@{address}")
        kind, words = trouble("https://mlflow.example")
    assert (kind, "407" in words) == (ProviderBlockedError, True)


@pytest.mark.parametrize("status", [200, 302, 404, 503])
def test_any_status_is_a_reply(noting_server: NotingServer, status: int) -> None:
    noting_server.faults.replace([Fault("any", "status", status=status, times=2)])
    thin, package = both(f"http://127.0.0.1:{noting_server.port}", lambda client: client.send(JSON))
    assert isinstance(thin, Reply)
    assert isinstance(package, Reply)
    assert (thin.status, json.loads(thin.content)) == (package.status, json.loads(package.content))


def test_a_packed_reply_is_unpacked() -> None:
    packed = loopback.Reply(
        gzip.compress(b'{"is": "packed"}'), headers={"Content-Encoding": "gzip"}
    )
    server = loopback.LoopbackServer(0, NotingHandler, ([], Faults(), packed))
    server.start()
    try:
        uri = f"http://127.0.0.1:{server.server_port}"
        replies = both(uri, lambda client: client.send(JSON))
    finally:
        server.stop()
    assert [reply.content for reply in replies if isinstance(reply, Reply)] == [
        b'{"is": "packed"}'
    ] * 2


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_TOKEN", "MLFLOW_WORKSPACE"])
@pytest.mark.parametrize("value", ["tökén", "to\nken"])
def test_what_no_header_can_carry_blocks_before_anything_is_sent(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ProviderBlockedError, match=f"^{variable} holds a character"):
        CLIENTS["thin"]("http://127.0.0.1:1")
