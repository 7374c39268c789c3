"""Recognises that a proxy refused the connection (407, no tunnel, SOCKS password), and says what to check."""

from __future__ import annotations

import re
from http import HTTPStatus

from fairmind_sync.providers.causes import causes

REFUSES = "the proxy refuses us (407). Check user and password in HTTP_PROXY and HTTPS_PROXY."
_NO_TUNNEL = re.compile(r"Tunnel connection failed: (?P<status>4\d\d) ?(?P<words>[^'\"]*)")
_NOT_LET_IN = re.compile(r"SOCKS5 authentication|All offered SOCKS5 authentication methods")
"""What PySocks says of user and password."""


def refusal(error: BaseException) -> str | None:
    """Returns a sentence for a proxy that won't connect us; None where the proxy is away, or not to blame."""
    for cause in causes(error):
        if not isinstance(cause, OSError):
            continue
        text = str(cause)
        if _NOT_LET_IN.search(text):
            return (
                "the SOCKS proxy refuses us. Check user and password in HTTP_PROXY and HTTPS_PROXY."
            )
        if refused := _NO_TUNNEL.search(text):
            return _of_tunnel(int(refused["status"]), refused["words"].strip())
    return None


def _of_tunnel(status: int, words: str) -> str | None:
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return REFUSES
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS):
        return None
    return (
        f"the proxy won't connect us ({status} {words}). Have it let us through, or name the host in "
        "NO_PROXY."
    )
