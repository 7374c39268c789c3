"""What can be told of an address by connecting to it."""

from __future__ import annotations

import socket

import pytest

from fairmind_sync.daemon.reachability import refusal


def test_an_address_that_listens_is_not_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert refusal(f"http://127.0.0.1:{server.getsockname()[1]}/path") is None


def test_an_address_where_nothing_listens_is_named(silent_port: int) -> None:
    address = f"127.0.0.1:{silent_port}"
    assert refusal(f"http://{address}") == "Connection refused"


def test_a_host_that_has_no_address_is_refused() -> None:
    assert refusal("https://host.invalid")


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_behind_a_proxy_only_a_whole_probe_can_tell(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://proxy.invalid:3128")
    assert refusal("http://host.invalid") is None


def test_an_address_that_needs_no_proxy_is_asked_itself(
    monkeypatch: pytest.MonkeyPatch, silent_port: int
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert refusal(f"http://127.0.0.1:{silent_port}") is not None
