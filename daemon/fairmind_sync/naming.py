"""Keys and texts that a provider accepts, made so that two different inputs never come out the same. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from fairmind_sync.payload import dumps

KeyPath: TypeAlias = tuple[str, ...]

_MARK_LENGTH = 12
_MARKED = re.compile(rf"-[0-9a-f]{{{_MARK_LENGTH}}}$")


@dataclass(frozen=True, slots=True)
class KeyRules:
    """What a provider's keys may look like: one part between slashes, and the length of the whole."""

    legal_part: re.Pattern[str]
    illegal_character: re.Pattern[str]
    longest: int

    def accepts(self, part: str) -> bool:
        """MLflow reads keys as file paths: none may step up."""
        return bool(self.legal_part.fullmatch(part)) and part != "." and not part.startswith("..")

    def legalise(self, part: str) -> str:
        candidate = self.illegal_character.sub("_", part)
        return candidate if self.accepts(candidate) else f"x{candidate.replace('.', '_')}"


def key_for(path: KeyPath, rules: KeyRules) -> str:
    """The path joined by '/', where that is legal; else the nearest legal key and a mark.

    The mark is a hash of the path. A path whose own key looks marked is marked as well, so that no plain key
    can be taken for a marked one.
    """
    joined = "/".join(path)
    legal = all(rules.accepts(part) for part in path) and len(joined) <= rules.longest
    if legal and not _MARKED.search(joined):
        return joined
    stem = "/".join(rules.legalise(part) for part in path)
    return f"{stem[: rules.longest - _MARK_LENGTH - 1]}-{_mark(dumps(list(path)))}"


def renamed(keys: Mapping[KeyPath, str]) -> Iterator[str]:
    """Says which keys aren't simply their path."""
    for path, key in keys.items():
        if key != "/".join(path):
            yield f"key {'/'.join(path)!r} is sent as {key!r}"


def shorten(text: str, longest: int) -> str:
    """The text itself if it fits into `longest` characters, else its beginning and a mark of the whole."""
    if len(text) <= longest:
        return text
    return f"{text[: longest - _MARK_LENGTH - 1]}-{_mark(text)}"


def storable(text: str) -> str:
    """The text without what databases refuse: NUL and lone surrogates become U+FFFD."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\ufffd")


def storable_key(key: str) -> str:
    """As `storable`, with a mark where something was replaced, so that two keys stay two."""
    stored = storable(key)
    return key if stored == key else f"{stored}-{_mark(key)}"


def web_url(text: str | None) -> str | None:
    """The text if it is an address that a browser may open; a provider's word alone makes it none."""
    try:
        parts = urlsplit(text or "")
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and parts.hostname else None


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_LENGTH]
