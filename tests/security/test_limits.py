"""Floods, huge bodies and slow clients, over real sockets: they are cut off, and the daemon goes on."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine

from fairmind_sync.api import body_limits, connection_limits
from fairmind_sync.outbox import delivery_lookup
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading
from fairmind_sync.testing import new_result
from tests.security.attack import API
from tests.security.serving import served
from tests.support.deliveries import save_with
from tests.support.processes import eventually, running_daemon

SMALL = 1000
HEAD = (
    b"POST /api/v1/mlops/log-test HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
)
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture
def url(configured: Settings) -> Iterator[str]:
    with served(configured) as url:
        yield url


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 80), timeout=120)


def reply_to(url: str, request: bytes) -> bytes:
    """What comes back before the connection ends; the client says no more than the request."""
    with connect(url) as connection:
        connection.sendall(request)
        return rest_of(connection)


def rest_of(connection: socket.socket, to: bytes | None = None) -> bytes:
    """What comes until the connection's end, or until what comes ends with `to`."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
            if to is not None and received.endswith(to):
                break
    except ConnectionResetError:
        pass
    return received


def status_of(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


def posting(headers: bytes, body: bytes = b"") -> bytes:
    return HEAD + b"Connection: close\r\n" + headers + b"\r\n\r\n" + body


def chunked(*sizes: int) -> bytes:
    chunks = b"".join(b"%x\r\n%s\r\n" % (size, b"x" * size) for size in sizes)
    return posting(b"Transfer-Encoding: chunked", chunks + b"0\r\n\r\n")


def is_cut(connection: socket.socket) -> bool:
    """Whether the server ended the connection; looks without waiting."""
    connection.setblocking(False)
    try:
        return connection.recv(65536) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_a_body_that_says_it_is_too_large_is_refused_unread(url: str) -> None:
    reply = reply_to(url, posting(b"Content-Length: %d" % (body_limits.LARGEST_BODY + 1)))
    assert status_of(reply) == 413


def test_a_body_that_turns_out_too_large_is_refused(url: str) -> None:
    sizes = [1024 * 1024] * (body_limits.LARGEST_BODY // 1024**2)
    assert status_of(reply_to(url, chunked(*sizes, 1))) == 413


@pytest.mark.parametrize(("size", "status"), [(SMALL, 422), (SMALL + 1, 413)])
def test_the_limit_is_where_it_says(
    monkeypatch: pytest.MonkeyPatch, url: str, size: int, status: int
) -> None:
    monkeypatch.setattr(body_limits, "LARGEST_BODY", SMALL)
    announced = reply_to(url, posting(b"Content-Length: %d" % size, b"x" * size))
    assert (status_of(announced), status_of(reply_to(url, chunked(size)))) == (status, status)


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: abc",
        b"Content-Length: -1",
        b"Content-Length: +1",
        b"Content-Length: ",
        b"Content-Length: 1e3",
        b"Content-Length: 0x10",
        b"Content-Length: 1 1",
        b"Content-Length: 1, 2",
        b"Content-Length: 1\r\nContent-Length: 2",
        b"Content-Length: 99999999999999999999",
        b"Content-Length: " + b"9" * 5000,
        b"Content-Length: \xb2",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: -7",
        b"Host: evil.example",
        b"X: " + b"x" * 70_000,
        b"no header",
    ],
    ids=lambda headers: repr(headers[:50]),
)
def test_a_malformed_head_is_the_clients_mistake(url: str, headers: bytes) -> None:
    assert 400 <= status_of(reply_to(url, posting(headers, b"0\r\n\r\n"))) < 500


@pytest.mark.parametrize("chunk", [b"zz\r\nx\r\n", b"-1\r\n", b"f" * 30 + b"\r\nx", b"\0\0\0\0"])
def test_a_malformed_chunk_is_the_clients_mistake(url: str, chunk: bytes) -> None:
    reply = reply_to(url, posting(b"Transfer-Encoding: chunked", chunk))
    assert reply == b"" or 400 <= status_of(reply) < 500


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"\0" * 100 + b"\r\n\r\n"]
)
def test_what_is_no_http_leaves_the_server_serving(url: str, noise: bytes) -> None:
    with connect(url) as connection:
        connection.sendall(noise)
    assert status_of(reply_to(url, HEALTHZ)) == 200


@pytest.mark.parametrize("beginning", [b"", b"GET /healthz HTT", HEAD], ids=repr)
def test_a_head_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, url: str, beginning: bytes
) -> None:
    monkeypatch.setattr(connection_limits, "HEAD_SECONDS", 0.2)
    assert reply_to(url, beginning) == b""


def test_a_head_that_comes_byte_by_byte_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(connection_limits, "HEAD_SECONDS", 0.2)
    with connect(url) as connection:
        eventually(lambda: cut_while_sending(connection))


def cut_while_sending(connection: socket.socket) -> bool:
    try:
        connection.send(b"x")
    except OSError:
        return True
    return is_cut(connection)


def test_a_second_head_that_does_not_come_is_not_waited_for_either(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(connection_limits, "HEAD_SECONDS", 2)
    with connect(url) as connection:
        connection.sendall(HEALTHZ.replace(b"close", b"keep-alive"))
        answer = b""
        while not answer.endswith(b"}"):
            part = connection.recv(65536)
            assert part, answer
            answer += part
        connection.sendall(b"GET /heal")
        assert rest_of(connection) == b""


def test_a_body_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(body_limits, "BODY_SECONDS", 0.2)
    assert status_of(reply_to(url, posting(b"Content-Length: 100", b"{"))) == 408


def test_a_body_that_comes_byte_by_byte_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(body_limits, "BODY_SECONDS", 0.2)
    with connect(url) as connection:
        connection.sendall(posting(b"Content-Length: 1000000"))
        eventually(lambda: cut_while_sending(connection))


def flooding(url: str, until: threading.Event, answered: list[int]) -> None:
    parts = urlsplit(url)
    while not until.is_set():
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=120)
        for path in ("/", f"{API}/runs", "/nowhere", "/metrics"):
            try:
                connection.request("GET", path)
                reply = connection.getresponse()
                reply.read()
            except (OSError, http.client.HTTPException):
                break
            answered.append(reply.status)
        connection.close()


@contextmanager
def flood(url: str) -> Iterator[list[int]]:
    """Eight clients that ask as fast as they get answers; the statuses of these."""
    over, answered = threading.Event(), list[int]()
    clients = [
        threading.Thread(target=flooding, args=(url, over, answered), daemon=True) for _ in range(8)
    ]
    for client in clients:
        client.start()
    try:
        yield answered
    finally:
        over.set()
        for client in clients:
            client.join()


def test_a_flood_does_not_stop_deliveries(engine: Engine, mlflow_uri: str, tmp_path: Path) -> None:
    database_url = f"sqlite:///{engine.url.database}"
    env = {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "MLFLOW_EXPERIMENT_NAME": "flood",
        "FAIRMIND_SYNC_DATABASE_URL": database_url,
    }

    def delivered() -> int:
        with reading(engine) as connection:
            return len(delivery_lookup.deliveries(connection, RunFilter(status="delivered")))

    with running_daemon(env, tmp_path) as daemon, flood(daemon.url) as answered:
        eventually(lambda: len(answered) > 100)
        settings = Settings(provider="mlflow", database_url=database_url)
        save_with(settings, [new_result() for _ in range(30)])
        assert eventually(lambda: delivered() == 30)
