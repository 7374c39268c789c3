"""What is wrong with a TLS connection, told from errors."""

from __future__ import annotations

import ssl

import pytest
import requests

from fairmind_sync.providers import proxy, tls

VARIABLES = tls.TlsVariables("the server", "ADDRESS", "AUTHORITIES", "Set OURS.", "UNCHECKED=1")


def test_a_disturbed_connection_is_nobodys_setting() -> None:
    for error in (ssl.SSLEOFError(8, "EOF"), ssl.SSLZeroReturnError(6, "closed")):
        assert tls.refusal(requests.exceptions.SSLError(error), VARIABLES) is None


def test_what_nobody_foresaw_is_told_in_its_own_words() -> None:
    error = requests.exceptions.SSLError(ssl.SSLError(1, "[SSL: NEW_REASON] a new reason"))
    assert "a new reason" in str(tls.refusal(error, VARIABLES))


def test_another_error_is_no_refusal() -> None:
    assert tls.refusal(requests.exceptions.ConnectionError("refused"), VARIABLES) is None


@pytest.mark.parametrize("code", [9, 10, 18, 20, 62, 77])
def test_each_refused_certificate_names_a_remedy(code: int) -> None:
    error = ssl.SSLCertVerificationError(1, "refused")
    error.verify_code, error.verify_message = code, "its reason."
    sentence = str(tls.refusal(requests.exceptions.SSLError(error), VARIABLES))
    assert "certificate is refused: its reason. " in sentence


def test_nobody_is_told_of_a_variable_that_a_provider_lacks() -> None:
    error = ssl.SSLCertVerificationError(1, "refused")
    error.verify_code, error.verify_message = 20, "its reason"
    without = tls.TlsVariables("the server", "ADDRESS", "AUTHORITIES", "Set OURS.")
    assert "or set" not in str(tls.refusal(requests.exceptions.SSLError(error), without))


def test_a_proxy_that_is_away_at_a_port_with_407_in_it_refuses_nothing() -> None:
    text = "HTTPSConnectionPool(host='a', port=4071): Unable to connect to proxy"
    assert proxy.refusal(requests.exceptions.ProxyError(text)) is None
