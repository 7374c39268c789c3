"""The token that guards the API, and the cookie that stands for it on the page.

The cookie is signed with a key made of the token (itsdangerous), so it holds no secret, ends by itself, and
ends for all when the token is changed.
"""

from __future__ import annotations

import secrets
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, TimestampSigner

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from fairmind_sync.settings import Settings

COOKIE = "fairmind_sync_session"
LASTS_S = 12 * 3600
_MEANING = b"signed in"


class Token:
    """Compares in constant time."""

    def __init__(self, value: str) -> None:
        self._value = value.encode()
        self._signer = TimestampSigner(self._value, salt="fairmind-sync.session")

    def is_mine(self, given: bytes) -> bool:
        return secrets.compare_digest(given, self._value)

    def session(self) -> str:
        """A fresh cookie's value."""
        return self._signer.sign(_MEANING).decode()

    def admits(self, headers: Headers) -> bool:
        """Whether a request with these headers carries the token, or a cookie made from it."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_mine(given.strip().encode("latin-1")):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
            return cookie is not None and self._signer.unsign(cookie.value, LASTS_S) == _MEANING
        except (BadSignature, CookieError):
            return False


def token_of(settings: Settings) -> Token | None:
    """None where the settings name none: then whoever reaches the address is let in."""
    value = settings.api_token.get_secret_value() if settings.api_token else ""
    return Token(value) if value else None
