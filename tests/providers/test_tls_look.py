"""A look at a server that cuts connections: what is opened, and what a handshake tells."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from functools import partialmethod
from http.client import BadStatusLine
from typing import Any

import pytest
import requests

from fairmind_sync.providers import tls
from tests.standins.tls_front import without_the_systems_certificates

VARIABLES = tls.TlsVariables("the server", "ADDRESS", "AUTHORITIES", "Set OURS.")
CUT = requests.exceptions.ConnectionError(ConnectionResetError(104, "reset"))
WANTS_OURS = "the server wants a certificate of ours that it knows. Set OURS."


class Said(Enum):
    """Messages of a handshake, by the names that Python's ssl gives them."""

    CERTIFICATE_REQUEST = 13
    SERVER_HELLO = 2


class Servers:
    """In the place of all servers: `looks` are where they are, and how each handshake goes."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.looks: list[Any] = []
        self.is_there = True
        self.speaks_tls = True
        self.says: list[tuple[str, object]] = []
        patched.setattr(socket, "create_connection", self._connected)
        patched.setattr(ssl.SSLContext, "wrap_socket", partialmethod(_wrapped, self))

    @contextmanager
    def _connected(self, place: object, *, timeout: float) -> Iterator[str]:
        self.looks.append((place, timeout))
        if not self.is_there:
            raise ConnectionRefusedError
        yield "a connection"


@contextmanager
def _wrapped(
    context: Any, servers: Servers, plain: object, *, server_hostname: object
) -> Iterator[None]:
    servers.looks.append((context.check_hostname, context.verify_mode, plain, server_hostname))
    for way, kind in servers.says:
        context._msg_callback("connection", way, "version", "content", kind, b"data")
    if not servers.speaks_tls:
        raise ssl.SSLError(1, "WRONG_VERSION_NUMBER")
    yield


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(ssl, "create_default_context", without_the_systems_certificates)
    return Servers(monkeypatch)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        ConnectionAbortedError(),
        BrokenPipeError(),
        BadStatusLine(""),
        ssl.SSLEOFError(8, "EOF"),
    ],
)
def test_a_server_that_wants_a_certificate_is_looked_at_without_checking_its_own(
    servers: Servers, error: Exception
) -> None:
    servers.says = [("read", Said.CERTIFICATE_REQUEST), ("read", Said.SERVER_HELLO)]
    cut = requests.exceptions.ConnectionError(error)
    assert tls.look(cut, "https://h:8443/p", VARIABLES) == WANTS_OURS
    handshake = (False, ssl.CERT_NONE, "a connection", "h")
    assert servers.looks == [(("h", 8443), 3.0), handshake]


@pytest.mark.parametrize(("address", "place"), [("https://h", ("h", 443)), ("http://h", ("h", 80))])
def test_a_server_is_looked_at_where_its_scheme_says(
    servers: Servers, address: str, place: object
) -> None:
    servers.is_there = False
    assert tls.look(CUT, address, VARIABLES) is None
    assert servers.looks == [(place, 3.0)]


@pytest.mark.parametrize(
    "says",
    [
        [],
        [("read", Said.SERVER_HELLO)],
        [("write", Said.CERTIFICATE_REQUEST)],
        [("read", 13)],
    ],
)
def test_a_server_that_asks_for_no_certificate_is_not_to_blame(
    servers: Servers, says: list[tuple[str, object]]
) -> None:
    servers.says = says
    assert tls.look(CUT, "https://h", VARIABLES) is None


def test_a_server_that_ends_the_handshake_has_asked_before(servers: Servers) -> None:
    servers.says, servers.speaks_tls = [("read", Said.CERTIFICATE_REQUEST)], False
    assert tls.look(CUT, "https://h", VARIABLES) == WANTS_OURS


def test_a_server_that_speaks_tls_is_told_to_be_written_with_https(servers: Servers) -> None:
    words = "TLS is spoken at ADDRESS: write https:// instead of http://."
    assert tls.look(CUT, "http://h", VARIABLES) == words


def test_a_server_that_speaks_no_tls_only_cut(servers: Servers) -> None:
    servers.speaks_tls = False
    assert tls.look(CUT, "http://h", VARIABLES) is None


def test_a_server_that_did_not_cut_is_not_looked_at(servers: Servers) -> None:
    slow = requests.exceptions.ReadTimeout("read timed out")
    assert (tls.look(slow, "https://h", VARIABLES), servers.looks) == (None, [])


def test_a_server_behind_a_proxy_is_not_looked_at(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://p")
    assert (tls.look(CUT, "https://h", VARIABLES), servers.looks) == (None, [])
