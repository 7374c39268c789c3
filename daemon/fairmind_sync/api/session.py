"""The token that guards the API, and the cookie that stands for the token on the page.

The cookie is signed with a key made of the token (itsdangerous). So the cookie holds no secret, expires after
`LASTS_S`, and is void once the token is changed.
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
    """The API's token, which is compared in constant time."""

    def __init__(self, value: str) -> None:
        self._value = value.encode()
        self._signer = TimestampSigner(self._value, salt="fairmind-sync.session")

    def is_mine(self, given: bytes) -> bool:
        return secrets.compare_digest(given, self._value)

    def session(self) -> str:
        """Returns the value of a new cookie."""
        return self._signer.sign(_MEANING).decode()

    def admits(self, headers: Headers) -> bool:
        """Returns whether the headers carry the token, or a cookie signed with the token."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_mine(given.strip().encode("latin-1")):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
            return cookie is not None and self._signer.unsign(cookie.value, LASTS_S) == _MEANING
        except (BadSignature, CookieError):
            return False


def token_of(settings: Settings) -> Token | None:
    """Returns the settings' token; None where there is none, so that whoever reaches the API is let in."""
    value = settings.api_token.get_secret_value() if settings.api_token else ""
    return Token(value) if value else None
