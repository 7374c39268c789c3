"""How connections to MLflow's server are made, directly or by a proxy; whom they trust. None is opened."""

from __future__ import annotations

import socket
import ssl
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import InsecureRequestWarning

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow import quick_connections, server_pools, trust
from fairmind_sync.providers.mlflow.tracking_variables import Certificates, NamedPlace

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
QUICK = {"http": quick_connections.QuickHttpPool, "https": quick_connections.QuickHttpsPool}
ANYBODY = Certificates(are_checked=False)
BASIC = {"proxy-authorization": "Basic YW5uOmhlcjpw"}


@pytest.fixture(autouse=True)
def _no_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        for variable in (name, name.upper()):
            monkeypatch.delenv(variable, raising=False)


def by(proxy: str, uri: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ALL_PROXY", proxy)
    return server_pools.pools_to(uri, ANYBODY)()


def test_a_server_is_reached_by_quick_connections() -> None:
    new_pools = server_pools.pools_to("http://h", Certificates())
    pools = new_pools()
    assert new_pools() is not pools
    assert pools.connection_pool_kw == {"maxsize": 16, "ssl_context": None}
    assert pools.pool_classes_by_scheme == QUICK


def test_a_server_with_tls_is_reached_by_one_context() -> None:
    pools = server_pools.pools_to("https://h", ANYBODY)()
    assert pools.connection_pool_kw["ssl_context"].verify_mode == ssl.CERT_NONE
    assert pools.pool_classes_by_scheme == QUICK


@pytest.mark.parametrize(
    ("proxy", "place", "headers"),
    [
        ("http://p:3128", "http://p:3128", {}),
        ("p:3128", "http://p:3128", {}),
        ("http://ann:her%3Ap@p:3128", "http://p:3128", BASIC),
        ("http://:pw@p:3128", "http://p:3128", {}),
    ],
)
def test_a_proxy_is_asked_with_its_password(
    monkeypatch: pytest.MonkeyPatch, proxy: str, place: str, headers: dict[str, str]
) -> None:
    pools = by(proxy, "http://h", monkeypatch)
    assert isinstance(pools, urllib3.ProxyManager)
    assert (str(pools.proxy), pools.proxy_headers) == (place, headers)
    assert (pools.proxy_ssl_context, pools.pool_classes_by_scheme) == (None, QUICK)
    assert pools.connection_pool_kw["maxsize"] == 16


def test_a_user_of_a_proxy_may_have_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    pools = by("http://%61nn@p", "http://h", monkeypatch)
    assert pools.proxy_headers == {"proxy-authorization": "Basic YW5uOg=="}


def test_a_proxy_with_tls_is_trusted_as_servers_are(monkeypatch: pytest.MonkeyPatch) -> None:
    pools = by("https://p", "https://h", monkeypatch)
    assert pools.proxy_ssl_context.verify_mode == ssl.CERT_NONE
    assert pools.connection_pool_kw["ssl_context"].verify_mode == ssl.CERT_NONE


def test_a_proxy_that_is_no_address_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProviderBlockedError) as blocked:
        by("http://p:port", "http://h", monkeypatch)
    words = str(blocked.value)
    assert words.startswith("the proxy's address can't be used: ")
    assert words.endswith(". Check HTTP_PROXY and HTTPS_PROXY.")


class TestSocks:
    @pytest.fixture
    def made(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """What is made of a proxy that speaks SOCKS."""
        made: list[Any] = []
        module = ModuleType("urllib3.contrib.socks")
        vars(module)["SOCKSProxyManager"] = lambda *words, **given: made.append((words, given))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(server_pools, "find_spec", {"socks": object()}.get)
        return made

    @pytest.mark.parametrize(
        ("proxy", "user", "password"),
        [
            ("socks5h://p:1080", None, None),
            ("socks5h://ann:her%3Ap@p:1080", "ann", "her:p"),
        ],
    )
    def test_a_proxy_is_asked_with_its_password(
        self,
        made: list[Any],
        monkeypatch: pytest.MonkeyPatch,
        proxy: str,
        user: str | None,
        password: str | None,
    ) -> None:
        by(proxy, "http://h", monkeypatch)
        options = {"maxsize": 16, "ssl_context": None}
        assert made == [((proxy,), {"username": user, "password": password, **options})]

    def test_without_its_package_a_proxy_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server_pools, "find_spec", lambda _name: None)
        with pytest.raises(ProviderBlockedError) as blocked:
            by("socks5://p", "http://h", monkeypatch)
        words = "a SOCKS proxy needs a package. Run: pip install 'requests[socks]'."
        assert str(blocked.value) == words


class TestTrust:
    @pytest.fixture
    def loaded(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """What contexts are told to load."""
        given: list[Any] = []

        def load(_context: object, *places: Any, **named: Any) -> None:
            given.append(places[0] if places else named)

        for name in ("load_verify_locations", "load_cert_chain"):
            monkeypatch.setattr(ssl.SSLContext, name, load)
        return given

    def test_the_authorities_of_requests_are_trusted(self, loaded: list[Any]) -> None:
        context = trust.trust(Certificates())
        assert (context.verify_mode, loaded) == (ssl.CERT_REQUIRED, [DEFAULT_CA_BUNDLE_PATH])

    def test_named_authorities_are_trusted_alone(self, loaded: list[Any], tmp_path: Path) -> None:
        (file := tmp_path / "a.pem").write_text("")
        for place in (file, tmp_path):
            assert trust.trust(Certificates(NamedPlace("V", place))).verify_mode
        assert loaded == [{"cafile": file}, {"capath": tmp_path}]

    def test_our_own_certificate_is_shown(self, loaded: list[Any], tmp_path: Path) -> None:
        own = NamedPlace("V", tmp_path)
        context = trust.client_context(Certificates(are_checked=False, own=own))
        assert (context.verify_mode, loaded) == (ssl.CERT_NONE, [tmp_path])

    def test_unchecked_certificates_are_no_news(self, monkeypatch: pytest.MonkeyPatch) -> None:
        quieted: list[Any] = []
        monkeypatch.setattr(urllib3, "disable_warnings", quieted.append)
        assert trust.client_context(ANYBODY).verify_mode == ssl.CERT_NONE
        assert quieted == [InsecureRequestWarning]

    @pytest.mark.parametrize("is_own", [True, False])
    def test_a_file_that_is_no_certificate_blocks(self, tmp_path: Path, is_own: bool) -> None:
        (file := tmp_path / "a.pem").write_text("nothing")
        named = NamedPlace("V", file)
        given = Certificates(own=named, are_checked=False) if is_own else Certificates(named)
        with pytest.raises(ProviderBlockedError) as blocked:
            trust.client_context(given)
        words = str(blocked.value)
        assert words.startswith(f"V names {file}, which can't be used: ")
        assert words.endswith(". Have V name a file in PEM form.")

    def test_a_file_that_is_not_there_blocks(self, tmp_path: Path) -> None:
        with pytest.raises(ProviderBlockedError, match="which isn't there"):
            trust.trust(Certificates(NamedPlace("V", tmp_path / "none")))


class TestQuickConnections:
    @pytest.fixture
    def told(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """What sockets are told, before a reply is read."""
        told: list[Any] = []
        monkeypatch.setattr(HTTPConnection, "getresponse", lambda _self: told.append("read"))
        return told

    def connection(self, sock: object) -> Any:
        found: Any = quick_connections.QuickHttpPool.ConnectionCls("h")
        found.sock = sock
        return found

    def test_a_reply_is_acknowledged_at_once(self, told: list[Any]) -> None:
        class Sock:
            def setsockopt(self, *option: int) -> None:
                told.append(option)

        self.connection(Sock()).getresponse()
        assert told == [(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1), "read"]

    def test_a_system_without_the_option_reads_as_well(
        self, told: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(socket, "TCP_QUICKACK")
        self.connection(object()).getresponse()
        assert told == ["read"]

    def test_without_a_socket_nothing_is_told(self, told: list[Any]) -> None:
        self.connection(None).getresponse()
        assert told == ["read"]

    def test_all_pools_of_the_process_may_have_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for pool in (HTTPConnectionPool, HTTPSConnectionPool):
            monkeypatch.setattr(pool, "ConnectionCls", None)
        quick_connections.install()
        assert (HTTPConnectionPool.ConnectionCls, HTTPSConnectionPool.ConnectionCls) == (
            quick_connections._Connection,
            quick_connections._TlsConnection,
        )
