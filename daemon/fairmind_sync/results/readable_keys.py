"""Keys of the second naming: illegal characters are spelled out
(`<=50K` becomes `lte_50K`), one spelling for each part.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from fairmind_sync.results.keys import KeyPath, KeyRules, marked_key_for
from fairmind_sync.text import mark

_WORDS = (
    *((">=", "gte_"), ("<=", "lte_"), ("≥", "gte_"), ("≤", "lte_"), ("==", "_eq_"), ("!=", "_ne_")),
    *(("≠", "_ne_"), ("<", "lt_"), (">", "gt_"), ("=", "_eq_"), ("%", "_pct"), ("&", "_and_")),
    *(("|", "_or_"), ("+", "_plus_"), ("#", "number_")),
)
USUAL_RULES = KeyRules(re.compile(r"[\w.\- ]+"), re.compile(r"[^\w.\- ]"), longest=250)
"""What most providers take, and what the columns of an export are called by."""
_SEVERAL = re.compile(r"[ _]*_[ _]*")


def readable_keys(
    paths: Iterable[KeyPath], rules: KeyRules, *, folds_case: bool = False
) -> dict[KeyPath, str]:
    """Returns a key of its own for each path, the path's parts joined by '/'.

    A part that the provider refuses is spelled out: `<=50K` becomes `lte_50K`. A part has one spelling in all
    keys of a run; where that is another part's spelling, it bears a mark. A key that is too long, or would be
    another path's, bears a mark, too; with `folds_case` one that upper and lower case alone tell apart.
    """
    known = [*dict.fromkeys(paths)]
    parts = spelled({part for path in known for part in path}, rules)
    joined = {path: "/".join(parts[part] for part in path) for path in known}
    often = Counter(_folded(key, folds_case) for key in joined.values())
    keys: dict[KeyPath, str] = {}
    taken: set[str] = set()
    for path, key in joined.items():
        is_plain = key == "/".join(path) or often[_folded(key, folds_case)] == 1
        fits = len(key) <= rules.longest and is_plain and _folded(key, folds_case) not in taken
        keys[path] = key if fits else marked_key_for(path, rules)
        taken.add(_folded(keys[path], folds_case))
    return keys


def spelled(parts: Iterable[str], rules: KeyRules) -> dict[str, str]:
    """Returns how each part is spelled in keys; a legal part as it is."""
    candidates = {
        part: part if rules.accepts(part) else _spelled_out(part, rules) for part in parts
    }
    often = Counter(candidates.values())
    return {
        part: candidate
        if part == candidate or often[candidate] == 1
        else f"{candidate}-{mark(part)}"
        for part, candidate in candidates.items()
    }


def renamed_parts(paths: Iterable[KeyPath]) -> dict[str, str]:
    """Returns the original of each part that is spelled out, by its spelling, as most providers have it."""
    parts = spelled({part for path in paths for part in path}, USUAL_RULES)
    return {spelling: part for part, spelling in sorted(parts.items()) if spelling != part}


def _spelled_out(part: str, rules: KeyRules) -> str:
    for sign, word in _WORDS:
        part = part.replace(sign, word)
    return rules.legalise(_SEVERAL.sub("_", rules.illegal_character.sub("_", part)).strip("_ "))


def _folded(key: str, folds_case: bool) -> str:
    return key.casefold() if folds_case else key
