"""Small functions on texts: shorten, hash to a mark, make fit for a database or a terminal, take
markup away, check a web URL; durations and counts in words. Pure.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from urllib.parse import urlsplit

MARK_LENGTH = 12
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_UNITS = ((172_800, 86_400, "d"), (3600, 3600, "h"), (60, 60, "min"), (1, 1, "s"))
"""From how many seconds on a unit is used, how many seconds the unit has, and its name."""


def shorten(text: str, longest: int) -> str:
    """Returns the text if it has at most `longest` characters, else its beginning and its `mark`."""
    if len(text) <= longest:
        return text
    return f"{text[: longest - MARK_LENGTH - 1]}-{mark(text)}"


def cut_short(text: str, longest: int) -> str:
    """Returns the text if it has at most `longest` characters, else its beginning and an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def words_of(page: str) -> str:
    """Returns the words of a page or text on one line, without its markup."""
    return " ".join(_MARKUP.sub(" ", page).split())


def storable(text: str) -> str:
    """Returns the text with U+FFFD for what databases refuse: NUL and lone surrogates."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\ufffd")


def storable_key(key: str) -> str:
    """Returns the key as `storable` does, with a mark where something was replaced: two keys stay two."""
    stored = storable(key)
    return key if stored == key else f"{stored}-{mark(key)}"


def web_url(text: str | None) -> str | None:
    """Returns the text if it is an http or https address, which a browser may open, else None."""
    try:
        parts = urlsplit(text or "")
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and parts.hostname else None


def mark(text: str) -> str:
    """Returns the first `MARK_LENGTH` hexadecimal characters of the text's SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:MARK_LENGTH]


def printable(text: str, kept: str = "") -> str:
    """Returns the text with control characters spelled out, which could steer a terminal; keeps `kept`."""
    return "".join(
        char if char.isprintable() or char in kept else ascii(char)[1:-1] for char in text
    )


def lasting(time: timedelta | float) -> str:
    """Returns the time in whole units that are over, the largest that fits, whatever its sign.

    Two days are the first that are told in days. A part of a second is told with digits.
    """
    seconds = abs(time.total_seconds() if isinstance(time, timedelta) else time)
    if seconds < 1:
        return f"{seconds:.2g} s"
    size, unit = next((size, unit) for least, size, unit in _UNITS if seconds >= least)
    return f"{int(seconds // size)} {unit}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Returns '1 delivery' or '2,000 deliveries'."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
