"""More connections than there is room for, most of them silent."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from fairmind_sync.api import connection_count, connection_limits
from fairmind_sync.settings import Settings
from tests.security.serving import served
from tests.security.test_limits import HEALTHZ, connect, is_cut, reply_to, rest_of, status_of
from tests.support.processes import eventually

FAR_AWAY_S = 600.0


@contextmanager
def crowd(url: str, size: int) -> Iterator[list[socket.socket]]:
    """Connections that say nothing."""
    with ExitStack() as stack:
        yield [stack.enter_context(connect(url)) for _ in range(size)]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch, configured: Settings) -> Iterator[str]:
    """A server that takes few connections, and waits long for what they say."""
    monkeypatch.setattr(connection_count, "MOST_CONNECTIONS", 5)
    monkeypatch.setattr(connection_limits, "HEAD_SECONDS", FAR_AWAY_S)
    with served(configured) as url:
        yield url


def test_one_connection_too_many_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch, narrow: str
) -> None:
    monkeypatch.setattr(connection_limits, "SILENCE_SECONDS", FAR_AWAY_S)
    with crowd(narrow, 5), connect(narrow) as surplus:
        head, _, body = rest_of(surplus, to=b"}").partition(b"\r\n\r\n")
    assert b"503 Service Unavailable\r\n" in head
    assert b"retry-after: 5" in head
    assert json.loads(body)["status"] == 503


def test_what_a_refused_connection_says_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, narrow: str, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection_limits, "SILENCE_SECONDS", 0.5)
    with connect(narrow) as first, crowd(narrow, 4), connect(narrow) as surplus:
        surplus.sendall(HEALTHZ)
        assert rest_of(surplus).count(b"HTTP/1.1") == 1
        first.sendall(HEALTHZ)  # answered once the server is through with the surplus
        rest_of(first)
    assert caplog.records == []


def test_connections_that_stay_silent_make_way(
    monkeypatch: pytest.MonkeyPatch, narrow: str
) -> None:
    monkeypatch.setattr(connection_limits, "SILENCE_SECONDS", 0.01)
    with crowd(narrow, 5) as connections:
        assert eventually(lambda: status_of(reply_to(narrow, HEALTHZ)) == 200)
        assert eventually(lambda: any(map(is_cut, connections)))


def test_after_a_crowd_the_server_serves(narrow: str) -> None:
    with crowd(narrow, 20):
        pass
    assert eventually(lambda: status_of(reply_to(narrow, HEALTHZ)) == 200)


def test_connections_beyond_the_most_are_not_kept_open(narrow: str) -> None:
    with crowd(narrow, 20) as connections:
        assert eventually(lambda: sum(map(is_cut, connections)) >= 15)
