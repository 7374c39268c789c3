"""What is wrong with a TLS connection, told from errors."""

from __future__ import annotations

import ssl

import pytest
import requests
import urllib3

from fairmind_sync.providers import proxy, tls

VARIABLES = tls.TlsVariables("the server", "ADDRESS", "AUTHORITIES", "Set OURS.", "UNCHECKED=1")


def refusal(error: Exception, variables: tls.TlsVariables = VARIABLES) -> str | None:
    """Of an error that requests found beneath."""
    return tls.refusal(requests.exceptions.SSLError(error), variables)


def of_ssl(reason: str | None, words: str = "its words") -> ssl.SSLError:
    error = ssl.SSLError(1, words)
    error.reason = reason  # type: ignore[assignment]  # as where OpenSSL says nothing
    return error


def of_certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "refused")
    error.verify_code, error.verify_message = code, "its reason X."
    return error


@pytest.mark.parametrize(
    "error",
    [
        ssl.SSLEOFError(8, "EOF"),
        ssl.SSLZeroReturnError(6, "closed"),
        ssl.SSLSyscallError(5, "reset"),
        of_ssl("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"),
    ],
)
def test_a_disturbed_connection_is_nobodys_setting(error: Exception) -> None:
    assert refusal(error) is None


def test_another_error_is_no_refusal() -> None:
    assert tls.refusal(requests.exceptions.ConnectionError("refused"), VARIABLES) is None


CERTIFICATES = {
    **dict.fromkeys(
        (18, 19, 20, 21),
        "Have AUTHORITIES name a file with its authority's certificate, or set UNCHECKED=1 to check none.",
    ),
    **dict.fromkeys((62, 64), "Write ADDRESS with a host that the certificate names."),
    9: "Look whether this machine's clock is right.",
    10: "Have the certificate renewed, or set UNCHECKED=1 to check none.",
    77: "Check AUTHORITIES.",
}


@pytest.mark.parametrize(("code", "remedy"), CERTIFICATES.items())
def test_each_refused_certificate_names_a_remedy(code: int, remedy: str) -> None:
    words = f"the server's certificate is refused: its reason X. {remedy}"
    assert refusal(of_certificate(code)) == words


def test_nobody_is_told_of_a_variable_that_a_provider_lacks() -> None:
    without = tls.TlsVariables("the server", "ADDRESS", "AUTHORITIES", "Set OURS.")
    words = "the server's certificate is refused: its reason X. Have the certificate renewed."
    assert refusal(of_certificate(10), without) == words


NO_CONNECTION = "no TLS connection with the server can be made: {}. Check ADDRESS and AUTHORITIES."
HANDSHAKES = [
    *(
        (reason, "no TLS is spoken at ADDRESS: write http:// instead of https://.")
        for reason in (
            "WRONG_VERSION_NUMBER",
            "RECORD_LAYER_FAILURE",
            "PACKET_LENGTH_TOO_LONG",
            "HTTP_REQUEST",
        )
    ),
    *(
        (reason, "the server wants a certificate of ours that it knows. Set OURS.")
        for reason in (
            "TLSV13_ALERT_CERTIFICATE_REQUIRED",
            "SSLV3_ALERT_HANDSHAKE_FAILURE",
            "SSLV3_ALERT_BAD_CERTIFICATE",
        )
    ),
    ("NEW_REASON", NO_CONNECTION.format(of_ssl(None))),
    (None, NO_CONNECTION.format(of_ssl(None))),
]


@pytest.mark.parametrize(("reason", "words"), HANDSHAKES)
def test_each_handshake_that_fails_names_a_remedy(reason: str | None, words: str) -> None:
    assert refusal(of_ssl(reason)) == words


def test_an_error_of_tls_that_openssl_did_not_raise_is_told_in_its_own_words() -> None:
    error = urllib3.exceptions.SSLError("a new reason")
    assert tls.refusal(error, VARIABLES) == NO_CONNECTION.format("a new reason")


class TestOfAProxy:
    def refusal(self, error: Exception) -> str | None:
        return refusal(urllib3.exceptions.ProxyError("no tunnel", error))

    def test_a_certificate_names_a_remedy(self) -> None:
        assert self.refusal(of_certificate(20)) == (
            "the proxy's certificate is refused: its reason X. Have REQUESTS_CA_BUNDLE name a file with its "
            "authority's certificate, or write HTTPS_PROXY=http://..."
        )

    def test_a_handshake_names_a_remedy(self) -> None:
        error = of_ssl("WRONG_VERSION_NUMBER")
        words = (
            f"no TLS connection with the proxy can be made: {error}. Write HTTPS_PROXY=http://..."
        )
        assert self.refusal(error) == words

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_proxy_that_lets_nobody_through_is_told(self, status: int) -> None:
        error = OSError(f"Tunnel connection failed: {status} Not you ")
        words = (
            f"the proxy won't connect us ({status} Not you). Have it let us through, or name the host "
            "in NO_PROXY."
        )
        assert proxy.refusal(urllib3.exceptions.ProxyError("no tunnel", error)) == words

    def test_a_proxy_that_wants_a_password_is_told(self) -> None:
        error = OSError("Tunnel connection failed: 407 Proxy Authentication Required")
        words = "the proxy refuses us (407). Check user and password in HTTP_PROXY and HTTPS_PROXY."
        assert proxy.refusal(urllib3.exceptions.ProxyError("no tunnel", error)) == words

    @pytest.mark.parametrize("status", [408, 429, 502])
    def test_a_proxy_that_finds_no_server_is_not_to_blame(self, status: int) -> None:
        error = OSError(f"Tunnel connection failed: {status} later")
        assert proxy.refusal(urllib3.exceptions.ProxyError("no tunnel", error)) is None

    @pytest.mark.parametrize(
        "words",
        ["SOCKS5 authentication failed", "All offered SOCKS5 authentication methods were rejected"],
    )
    def test_a_proxy_of_socks_that_wants_a_password_is_told(self, words: str) -> None:
        error = requests.exceptions.ConnectionError(OSError(words))
        told = "the SOCKS proxy refuses us. Check user and password in HTTP_PROXY and HTTPS_PROXY."
        assert proxy.refusal(error) == told

    def test_what_is_no_error_of_a_connection_says_nothing_of_proxies(self) -> None:
        assert proxy.refusal(ValueError("SOCKS5 authentication failed")) is None

    def test_one_that_is_away_at_a_port_with_407_in_it_refuses_nothing(self) -> None:
        text = "HTTPSConnectionPool(host='a', port=4071): Unable to connect to proxy"
        assert proxy.refusal(requests.exceptions.ProxyError(text)) is None
