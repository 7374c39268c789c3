"""Texts made fit for a database, a provider's limits, a browser or a terminal. Pure."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

MARK_LENGTH = 12


def shorten(text: str, longest: int) -> str:
    """The text itself if it fits into `longest` characters, else its beginning and a mark of the whole."""
    if len(text) <= longest:
        return text
    return f"{text[: longest - MARK_LENGTH - 1]}-{mark(text)}"


def storable(text: str) -> str:
    """The text without what databases refuse: NUL and lone surrogates become U+FFFD."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\ufffd")


def storable_key(key: str) -> str:
    """As `storable`, with a mark where something was replaced, so that two keys stay two."""
    stored = storable(key)
    return key if stored == key else f"{stored}-{mark(key)}"


def web_url(text: str | None) -> str | None:
    """The text if it is an address that a browser may open; a provider's word alone makes it none."""
    try:
        parts = urlsplit(text or "")
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and parts.hostname else None


def mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:MARK_LENGTH]


def printable(text: str, kept: str = "") -> str:
    """What others sent can't steer a terminal: control characters are shown, not obeyed; `kept` ones pass."""
    return "".join(
        char if char.isprintable() or char in kept else ascii(char)[1:-1] for char in text
    )
