"""Both clients of MLflow's REST API, ours and that of MLflow's package, send the same and fail the same."""

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
from fairmind_sync.providers.mlflow import package_client
from fairmind_sync.providers.mlflow.http_client import HttpClient, Reply, Request
from fairmind_sync.providers.mlflow.http_server import HttpServer
from fairmind_sync.providers.mlflow.runs_api import NotSentError, UncertainError
from fairmind_sync.providers.mlflow.thin_client import ThinClient
from tests.standins import loopback
from tests.standins.faults import Action, Fault, Faults
from tests.standins.forward_proxy import forward_proxy
from tests.standins.tls_front import tls_front
from tests.support.certificates import issued, self_signed

CLIENTS: dict[str, Callable[[str], HttpClient]] = {
    "thin": ThinClient,
    "package": package_client.client_of,
}
SENT = ("Authorization", "User-Agent", "X-MLflow-Client-Version", "X-MLFLOW-WORKSPACE")
BODY = ("Content-Type", "Content-Length")
JSON = Request("POST", "/api/2.0/mlflow/runs/create", json={"name": "größer", "value": "NaN"})
REQUESTS = {
    "get": Request("GET", "/get", params={"run_id": "a b&c/ü"}),
    "post": JSON,
    "file": Request("PUT", "/file", content=b"\x00content", apart=True),
    "file by the page": Request("POST", "/page", {"path": "evidence/a.csv"}, content=b"a,b\n"),
}
USER = {"MLFLOW_TRACKING_USERNAME": "ann"}
PASSWORD = {"MLFLOW_TRACKING_PASSWORD": "her: wörd"}
TOKEN = {"MLFLOW_TRACKING_TOKEN": "of-mlflow"}
VARIABLES: dict[str, dict[str, str]] = {
    "nothing": {},
    "user and password": USER | PASSWORD,
    "a user without password": USER,
    "a token": TOKEN,
    "a token beside user and password": USER | PASSWORD | TOKEN,
    "a token beside a user": USER | TOKEN,
    "a workspace": {"MLFLOW_WORKSPACE": " team-a "},
    "an empty token": {"MLFLOW_TRACKING_TOKEN": ""},
}
FILES = {
    "both": "[mlflow]\nmlflow_tracking_username = ann\nmlflow_tracking_password = hers\n",
    "an escaped %": "[mlflow]\nmlflow_tracking_username = ann\nmlflow_tracking_password = a%%b\n",
    "a password": "[mlflow]\nmlflow_tracking_password = hers\n",
    "another section": "[other]\nmlflow_tracking_username = ann\n",
}


class Handler(loopback.FaultyHandler):
    """Notes what it is asked."""

    def _answer(self) -> None:
        body = self.read_body()
        asked, faults, reply = self.server.owner
        headers = {name: self.headers.get(name) for name in (*SENT, *(BODY if body else ()))}
        asked.append((self.command, self.path, headers, body))
        self.serve("any", faults, lambda: reply)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 names that http.server looks for


class Server:
    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.faults = Faults()
        self._server = loopback.LoopbackServer(
            0, Handler, (self.asked, self.faults, loopback.json_reply({"is": "done"}))
        )
        self._server.start()
        self.port = self._server.server_port

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    return tmp_path


def both(uri: str, do: Callable[[HttpClient], object]) -> tuple[object, object]:
    """What comes of the same with either client."""
    thin, package = (do(make(uri)) for make in CLIENTS.values())
    return thin, package


def sent_by_both(server: Server, request: Request = JSON, authority: str = "") -> list[Any]:
    uri = f"http://{authority}127.0.0.1:{server.port}/prefix"
    replies = both(uri, lambda client: client.send(request))
    assert {(reply.status, reply.content) for reply in replies if isinstance(reply, Reply)} == {
        (200, b'{"is": "done"}')
    }
    return server.asked


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_request_is_the_same(server: Server, request_: Request) -> None:
    thin, package = sent_by_both(server, request_)
    assert thin == package


@pytest.mark.parametrize("variables", VARIABLES.values(), ids=VARIABLES)
def test_variables_mean_the_same(
    server: Server, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    thin, package = sent_by_both(server)
    assert thin == package


@pytest.mark.parametrize("variables", [{}, USER, TOKEN], ids=["alone", "a user", "a token"])
@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_the_file_of_credentials_means_the_same(
    server: Server,
    home: Path,
    text: str,
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (home / ".mlflow").mkdir()
    (home / ".mlflow/credentials").write_text(text)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    thin, package = sent_by_both(server)
    assert thin == package


@pytest.mark.parametrize("authority", ["ann:her%40word@", "ann@", ":word@"])
def test_user_and_password_in_the_address_mean_the_same(
    server: Server, authority: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "of-mlflow")
    thin, package = sent_by_both(server, authority=authority)
    assert thin == package


def test_a_netrc_file_is_for_nobody(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login user password of-wandb\n")
    thin, package = sent_by_both(server)
    assert (thin[2]["Authorization"], package[2]["Authorization"]) == (None, None)


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
def test_a_reply_that_is_lost_is_uncertain(server: Server, action: Action) -> None:
    server.faults.replace([Fault("any", action, times=2)])
    assert trouble(f"http://127.0.0.1:{server.port}")[0] is UncertainError


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


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("certificates"), "authority")


@pytest.fixture(scope="module")
def shown(authority: Path) -> Path:
    return issued(authority, "shown")


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
    server: Server,
    shown: Path,
    trusted: Path,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, str(trusted))
    with tls_front(server.port, shown) as front:
        replies = both(f"https://127.0.0.1:{front}", lambda client: client.send(JSON))
    assert len(server.asked) == len(replies)


def test_a_certificate_of_nobody_known_blocks(server: Server, shown: Path) -> None:
    with tls_front(server.port, shown) as front:
        kind, words = trouble(f"https://127.0.0.1:{front}")
    assert (kind, "certificate is refused" in words) == (ProviderBlockedError, True)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # the package's client warns of it
def test_none_is_checked_where_none_is_to_be(
    server: Server, shown: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    with tls_front(server.port, shown) as front:
        both(f"https://127.0.0.1:{front}", lambda client: client.send(JSON))
    assert len(server.asked) == len(CLIENTS)


def test_our_own_certificate_is_shown(
    server: Server, shown: Path, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(authority))
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(issued(authority, "ours")))
    with tls_front(server.port, shown, authority) as front:
        both(f"https://127.0.0.1:{front}", lambda client: client.send(JSON))
    assert len(server.asked) == len(CLIENTS)


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
def by_proxy(server: Server, shown: Path) -> Iterator[tuple[str, Any]]:
    with ExitStack() as stack:
        front = stack.enter_context(tls_front(server.port, shown))
        proxy = stack.enter_context(forward_proxy(front, "ann", "her word"))
        yield f"127.0.0.1:{proxy.port}", proxy


def test_a_proxy_with_the_right_password_is_passed(
    server: Server, shown: Path, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(authority))
    monkeypatch.setenv("NO_PROXY", "")
    with by_proxy(server, shown) as (address, proxy):
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:her%20word@{address}")
        both("https://mlflow.example", lambda client: client.send(JSON))
    assert (len(server.asked), proxy.asked) == (len(CLIENTS), {"mlflow.example"})


def test_a_proxy_with_a_wrong_password_blocks(
    server: Server, shown: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    with by_proxy(server, shown) as (address, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:wrong@{address}")
        kind, words = trouble("https://mlflow.example")
    assert (kind, "407" in words) == (ProviderBlockedError, True)


@pytest.mark.parametrize("status", [200, 302, 404, 503])
def test_any_status_is_a_reply(server: Server, status: int) -> None:
    server.faults.replace([Fault("any", "status", status=status, times=2)])
    thin, package = both(f"http://127.0.0.1:{server.port}", lambda client: client.send(JSON))
    assert isinstance(thin, Reply)
    assert isinstance(package, Reply)
    assert (thin.status, json.loads(thin.content)) == (package.status, json.loads(package.content))


def test_a_packed_reply_is_unpacked() -> None:
    packed = loopback.Reply(
        gzip.compress(b'{"is": "packed"}'), headers={"Content-Encoding": "gzip"}
    )
    server = loopback.LoopbackServer(0, Handler, ([], Faults(), packed))
    server.start()
    try:
        uri = f"http://127.0.0.1:{server.server_port}"
        replies = both(uri, lambda client: client.send(JSON))
    finally:
        server.stop()
    assert [reply.content for reply in replies if isinstance(reply, Reply)] == [
        b'{"is": "packed"}'
    ] * 2
