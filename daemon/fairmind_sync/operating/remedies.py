"""Looks a message up in the page of messages, whole or in part, though numbers and names are filled in, and
returns what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_ROW = re.compile(r"^\| `+ ?(.*?) ?`+ \| (.+) \|$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
_OF_OTHERS = re.compile(r"\*([^* ]+(?: [^* ]+)+)\*")
_FILLED_IN = "…"
_AROUND = " .,:;()'…"
_FEWEST = 8
_ENOUGH = 0.6
"""Which share of a message's own letters has to be told; or, of a part, which share of the part's."""
_MOST = 5
_NEARLY = 0.9
"""Which share of the best match's letters another match has, to be listed beside the best."""
_NAMED = {"mlflow": re.compile(r"mlflow", re.IGNORECASE), "wandb": re.compile(r"wandb|W&B")}
"""How a text names a provider."""
_OF_PROVIDER = {"MLflow": "mlflow", "W&B": "wandb"}
"""Sections of the page that hold one provider's messages."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A message of the page, with … for what is filled in, and what the page says of it."""

    message: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """Words that find a remedy, and the one provider that says them; None: either, or neither of them."""

    words: str
    provider: str | None
    remedy: Remedy


def remedy_for(told: str | None, provider: str | None = None) -> Remedy | None:
    """Returns what the page says of the most telling message within the text; None if it says nothing.

    Where the provider is known that said the text, the other provider's messages are left out.
    """
    text = _folded(told or "")
    return next(iter(_best(_told_as_it_stands(_entries_of_whom(told, provider), text))), None)


def remedies_for(told: str | None) -> list[Remedy]:
    """Returns what the page says of the messages that fit the text about equally well, the best first.

    A text may be a whole message, with more around it, or a part of one: of a part there may be several.
    """
    text, entries = _folded(told or ""), _entries_of_whom(told, None)
    return _best(_told_as_it_stands(entries, text) or _fitting(_of_loose_part, entries, text))


def _entries_of_whom(told: str | None, provider: str | None) -> list[_Entry]:
    """Returns the messages that the provider may have said, or whoever is named in the text."""
    who = provider or _named_in(told or "")
    return [one for one in _entries() if who is None or one.provider in (None, who)]


def _told_as_it_stands(entries: Sequence[_Entry], text: str) -> list[tuple[int, _Entry]]:
    return _fitting(_of_whole, entries, text) or _fitting(_of_part, entries, text)


def _fitting(
    likeness: Callable[[str, str], int], entries: Sequence[_Entry], text: str
) -> list[tuple[int, _Entry]]:
    return [(found, one) for one in entries if (found := likeness(one.words, text))]


def _best(found: Sequence[tuple[int, _Entry]]) -> list[Remedy]:
    most = max((size for size, _ in found), default=0)
    in_order = sorted(found, key=lambda one: (-one[0], len(one[1].words)))
    near = (one.remedy for size, one in in_order if size >= _NEARLY * most)
    return [*dict.fromkeys(near)][:_MOST]


def _named_in(text: str) -> str | None:
    """Returns the provider whom the text names, if it names one alone."""
    named = [name for name, pattern in _NAMED.items() if pattern.search(text)]
    return named[0] if len(named) == 1 else None


def page_of_messages() -> Path:
    """Returns the page of the installed wheel, or of the checkout."""
    package = Path(__file__).parents[1]
    packed = package / "messages.md"
    return packed if packed.is_file() else package.parent / "docs" / "reference" / "messages.md"


@lru_cache(maxsize=1)
def _entries() -> list[_Entry]:
    try:
        page = page_of_messages().read_text(encoding="utf-8")
    except OSError:
        return []
    _, *named = _SECTION.split(page)
    return [
        entry
        for title, section in zip(named[::2], named[1::2], strict=True)
        for entry in _entries_of(section, _OF_PROVIDER.get(title))
    ]


def _entries_of(section: str, provider: str | None) -> Iterator[_Entry]:
    """Yields each message of a section, and so the words of others that a remedy holds in italics."""
    for message, said in _ROW.findall(section):
        plain = _LINK.sub(r"\1 (\2)", said).replace("`", "").replace("*", "")
        for words in (message, *_OF_OTHERS.findall(said)):
            yield _Entry(words, provider, Remedy(message, plain))


def _of_whole(message: str, text: str) -> int:
    """Returns how many of the message's own letters stand in the text, in their order.

    0 if too few do, or none of those with which the message begins; a message's end is often cut off.
    """
    parts = [part for one in message.split(_FILLED_IN) if (part := _folded(one))]
    place = found = 0
    for number, part in enumerate(parts):
        told = _told_of(part, text[place:])
        if not told and number == 0:
            return 0
        place, found = text.find(told, place) + len(told), found + len(told)
    whole = sum(map(len, parts))
    return found if found >= max(_FEWEST, _ENOUGH * whole) else 0


def _told_of(part: str, text: str) -> str:
    """Returns the part if it stands in the text; else how the part begins where the text is cut off."""
    if part in text:
        return part
    beginnings = (part[:count] for count in range(len(part) - 1, 0, -1))
    return next((one for one in beginnings if text.endswith(one)), "")


def _of_part(message: str, text: str) -> int:
    """Returns the length of the text if all of it stands between two places that are filled in; else 0."""
    parts = map(_folded, message.split(_FILLED_IN))
    return len(text) if len(text) >= _FEWEST and any(text in part for part in parts) else 0


def _of_loose_part(message: str, text: str) -> int:
    """Returns how many letters of the text are the message's own, in their order; 0 if too few are."""
    if _ENOUGH * len(text) > len(message):
        return 0
    rest, found = f" {_plain(text)} ", []
    for part in message.split(_FILLED_IN):
        if run := _longest_run(_plain(part).split(" "), rest):
            rest = rest[rest.index(f" {run} ") + len(run) + 1 :]
            found.append(run)
    told = len(" ".join(found))
    is_telling = any(" " in run and len(run) >= _FEWEST for run in found)
    return told if is_telling and told >= _ENOUGH * len(_plain(text)) else 0


def _longest_run(words: Sequence[str], text: str) -> str:
    """Returns the longest run of the words that stands in the text, whose words have a space around them."""
    count = len(words)
    runs = (
        " ".join(words[start : start + size])
        for size in range(count, 0, -1)
        for start in range(count - size + 1)
    )
    return next((run for run in runs if run and f" {run} " in text), "")


def _plain(text: str) -> str:
    return " ".join(bare for word in text.casefold().split() if (bare := word.strip(_AROUND)))


def _folded(text: str) -> str:
    return " ".join(text.split()).strip(_AROUND).casefold()
