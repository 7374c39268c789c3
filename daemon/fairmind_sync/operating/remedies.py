"""Looks a message up in the page of messages, though numbers and names are filled in or its end is cut off,
and returns what to do about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from pathlib import Path

_ROW = re.compile(r"^\| `+ ?(.*?) ?`+ \| (.+) \|$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
_OF_OTHERS = re.compile(r"\*([^*]+ [^*]+ [^*]+)\*")
_FILLED_IN = "…"
_AROUND = " .,:;()'"
_FEWEST = 8
_ENOUGH = 0.6
"""Which share of a message's own letters has to be told; the end of a message is often cut off."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A message of the page, with … for what is filled in, and what the page says of it."""

    message: str
    what_to_do: str


def remedy_for(told: str | None) -> Remedy | None:
    """Returns what the page says of the most telling message within the text; None if it says nothing."""
    text = _folded(told or "")
    alike = [(_likeness(words, text), remedy) for words, remedy in _remedies()]
    size, found = max(alike, key=itemgetter(0), default=(0, None))
    return found if size else None


def page_of_messages() -> Path:
    """Returns the page of the installed wheel, or of the checkout."""
    package = Path(__file__).parents[1]
    packed = package / "messages.md"
    return packed if packed.is_file() else package.parent / "docs" / "reference" / "messages.md"


@lru_cache(maxsize=1)
def _remedies() -> list[tuple[str, Remedy]]:
    """Returns each message with its remedy, and so the words of others that a remedy holds in italics."""
    try:
        page = page_of_messages().read_text(encoding="utf-8")
    except OSError:
        return []
    found = []
    for message, said in _ROW.findall(page):
        plain = _LINK.sub(r"\1 (\2)", said).replace("`", "").replace("*", "")
        of_others = _OF_OTHERS.findall(said)
        found += [(words, Remedy(message, plain)) for words in (message, *of_others)]
    return found


def _likeness(message: str, text: str) -> int:
    """Returns how many of the message's own letters stand in the text, in their order; 0 if too few do."""
    parts = [part for one in message.split(_FILLED_IN) if (part := _folded(one))]
    place = found = 0
    for part in parts:
        told = _told_of(part, text[place:])
        place, found = text.find(told, place) + len(told), found + len(told)
    whole = sum(map(len, parts))
    if found >= max(_FEWEST, _ENOUGH * whole):
        return found
    return len(text) if len(text) >= _FEWEST and any(text in part for part in parts) else 0


def _told_of(part: str, text: str) -> str:
    """Returns the longest beginning of the part, in whole words, that stands in the text."""
    words = part.split(" ")
    beginnings = (" ".join(words[:count]) for count in range(len(words), 0, -1))
    return next((one for one in beginnings if one in text), "")


def _folded(text: str) -> str:
    return " ".join(text.split()).strip(_AROUND).casefold()
