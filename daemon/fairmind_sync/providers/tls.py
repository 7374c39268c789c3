"""Says what is wrong with a TLS connection (unknown authority, expired, other host, plain HTTP), and which of
a provider's variables mend it.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from http.client import BadStatusLine
from urllib.parse import urlsplit

from urllib3.exceptions import ProxyError, SSLError

from fairmind_sync.providers.causes import causes
from fairmind_sync.providers.environment_proxy import proxy_for

_NOBODY_VOUCHES = (18, 19, 20, 21)
"""OpenSSL's codes for a certificate that vouches for itself, or whose authority is unknown."""
_NOT_YET, _EXPIRED = 9, 10
_OF_ANOTHER_HOST = (62, 64)
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST")
"""OpenSSL's reasons where the other side speaks plain HTTP."""
_WANTS_OURS = ("CERTIFICATE_REQUIRED", "ALERT_HANDSHAKE_FAILURE", "ALERT_BAD_CERTIFICATE")
"""How servers end a connection to which we bring no certificate, or not the right one."""
_DISTURBED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
_CUT = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, BadStatusLine, *_DISTURBED)
_GARBLED = "BAD_RECORD_MAC"
_LOOK_S = 3.0
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class TlsVariables:
    """Who answers at a provider's address, and the variables of its connection.

    `own_certificate` says what to do where the server wants a certificate of ours. `unchecked` is empty where
    no variable has certificates unchecked.
    """

    server: str
    address: str
    authorities: str
    own_certificate: str
    unchecked: str = ""


def refusal(error: BaseException, variables: TlsVariables) -> str | None:
    """Returns a sentence for a connection that the set-up rules out; None for one that was disturbed."""
    chain = list(causes(error))
    found = next((one for one in chain if isinstance(one, ssl.SSLError)), None)
    if found is None:
        is_of_tls = any(isinstance(one, SSLError) for one in chain)
        return _no_connection(str(chain[-1]), variables) if is_of_tls else None
    if isinstance(found, _DISTURBED) or _GARBLED in _reason(found):
        return None
    if any(isinstance(one, ProxyError) for one in chain):
        return _of_the_proxy(found)
    if isinstance(found, ssl.SSLCertVerificationError):
        return f"{variables.server}'s certificate is refused: {_of_certificate(found, variables)}"
    return _of_handshake(found, variables)


def look(error: BaseException, address: str, variables: TlsVariables) -> str | None:
    """Returns why a server cuts connections without a word, as a handshake tells; None if that says nothing.

    `error` is what became of a request to `address`. The certificate isn't checked, and nothing is sent.
    """
    if not any(isinstance(cause, _CUT) for cause in causes(error)):
        return None
    if proxy_for(address):
        return None
    parts = urlsplit(address)
    place = (str(parts.hostname), parts.port or _PORTS[parts.scheme])
    handshake = _Handshake()
    try:
        with (
            socket.create_connection(place, timeout=_LOOK_S) as plain,
            handshake.context.wrap_socket(plain, server_hostname=parts.hostname),
        ):
            if parts.scheme == "http":
                return f"TLS is spoken at {variables.address}: write https:// instead of http://."
    except OSError:
        pass
    return _wants_ours(variables) if handshake.wants_ours else None


class _Handshake:
    """A handshake that checks nothing, and notices whether the server asks for a certificate of ours."""

    def __init__(self) -> None:
        self.wants_ours = False
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context._msg_callback = self._notice  # type: ignore[attr-defined]  # noqa: SLF001 nothing else tells

    def _notice(self, _connection: object, way: str, *message: object) -> None:
        _version, _content, kind, _data = message
        self.wants_ours |= way == "read" and getattr(kind, "name", "") == "CERTIFICATE_REQUEST"


def _of_certificate(error: ssl.SSLCertVerificationError, variables: TlsVariables) -> str:
    words, code = error.verify_message.rstrip("."), error.verify_code
    if code in _NOBODY_VOUCHES:
        return (
            f"{words}. Have {variables.authorities} name a file with its authority's certificate"
            f"{_or_unchecked(variables)}."
        )
    if code in _OF_ANOTHER_HOST:
        return f"{words}. Write {variables.address} with a host that the certificate names."
    if code == _EXPIRED:
        return f"{words}. Have the certificate renewed{_or_unchecked(variables)}."
    if code == _NOT_YET:
        return f"{words}. Look whether this machine's clock is right."
    return f"{words}. Check {variables.authorities}."


def _or_unchecked(variables: TlsVariables) -> str:
    return f", or set {variables.unchecked} to check none" if variables.unchecked else ""


def _of_handshake(error: ssl.SSLError, variables: TlsVariables) -> str:
    reason = _reason(error)
    if reason in _NO_TLS:
        return f"no TLS is spoken at {variables.address}: write http:// instead of https://."
    if any(mark in reason for mark in _WANTS_OURS):
        return _wants_ours(variables)
    return _no_connection(str(error), variables)


def _reason(error: ssl.SSLError) -> str:
    """Returns OpenSSL's reason; nothing where OpenSSL isn't who raised the error."""
    return str(getattr(error, "reason", None) or "")


def _wants_ours(variables: TlsVariables) -> str:
    return (
        f"{variables.server} wants a certificate of ours that it knows. {variables.own_certificate}"
    )


def _no_connection(words: str, variables: TlsVariables) -> str:
    return (
        f"no TLS connection with {variables.server} can be made: {words}. Check {variables.address} and "
        f"{variables.authorities}."
    )


def _of_the_proxy(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the proxy's certificate is refused: {error.verify_message.rstrip('.')}. Have "
            "REQUESTS_CA_BUNDLE name a file with its authority's certificate, or write HTTPS_PROXY=http://..."
        )
    return f"no TLS connection with the proxy can be made: {error}. Write HTTPS_PROXY=http://..."
