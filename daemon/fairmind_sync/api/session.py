"""Checks the API's tokens (bearer, or the page's signed cookie): who
the visitor is, and whether they may change anything.

The cookie is signed with a key made of the token (itsdangerous). So the cookie holds no secret, expires after
`LASTS_S`, and is void once the token is changed. It holds the name that its visitor gave at the sign-in.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from itsdangerous import BadSignature, TimestampSigner

from fairmind_sync.errors import SettingsError

if TYPE_CHECKING:
    from pydantic import SecretStr
    from starlette.datastructures import Headers

    from fairmind_sync.settings import Settings

COOKIE = "fairmind_sync_session"
LASTS_S = 12 * 3600
LONGEST_NAME = 80
_MEANING = "signed in"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who was let in: `name` is what they call themselves, empty where they didn't say."""

    name: str = ""
    may_change: bool = True


class Token:
    """One of the API's tokens, which is compared in constant time; with some, their holders only look."""

    def __init__(self, value: str, *, may_change: bool = True, key: str | None = None) -> None:
        self._value = value.encode()
        self._may_change = may_change
        self._signer = TimestampSigner(key or value, salt="fairmind-sync.session")

    def is_mine(self, given: bytes) -> bool:
        return secrets.compare_digest(given, self._value)

    def session(self, name: str = "") -> str:
        """Returns the value of a new cookie for a visitor of that name."""
        meaning = f"{_MEANING}:{quote(name, safe='')}" if name else _MEANING
        return self._signer.sign(meaning).decode()

    def visitor(self, headers: Headers) -> Visitor | None:
        """Returns who sends the headers; None unless they carry the token, or a cookie signed with it."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_mine(given.strip().encode("latin-1")):
            return Visitor(may_change=self._may_change)
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
            meaning = self._signer.unsign(cookie.value, LASTS_S).decode() if cookie else ""
        except (BadSignature, CookieError, UnicodeDecodeError):
            return None
        said, _, name = meaning.partition(":")
        return Visitor(unquote(name), self._may_change) if said == _MEANING else None


def tokens_of(settings: Settings) -> tuple[Token, ...]:
    """Returns the settings' tokens; none where whoever reaches the API is let in.

    The cookie of who only looks is signed with both tokens, so that it is void once either is changed.

    Raises:
        SettingsError: there is a token to look, but none to act, or both are one.
    """
    act, look = _secret(settings.api_token), _secret(settings.api_read_token)
    if look and not act:
        raise SettingsError(
            "FAIRMIND_SYNC_API_READ_TOKEN is set without FAIRMIND_SYNC_API_TOKEN: whoever may act needs a "
            "token of their own. Set both, or neither."
        )
    if look and look == act:
        raise SettingsError(
            "FAIRMIND_SYNC_API_READ_TOKEN and FAIRMIND_SYNC_API_TOKEN are the same: with it everybody could "
            "act. Set them to different secrets."
        )
    if not act:
        return ()
    both = (Token(act), Token(look, may_change=False, key=f"{act}\0{look}"))
    return both if look else both[:1]


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""
