"""What keys a provider accepts, and the rule of the first naming:
paths joined by '/', a mark where that is illegal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from fairmind_sync.results.plain_json import dumps
from fairmind_sync.text import MARK_LENGTH, mark

KeyPath: TypeAlias = tuple[str, ...]
_MARKED = re.compile(rf"-[0-9a-f]{{{MARK_LENGTH}}}$")


@dataclass(frozen=True, slots=True)
class KeyRules:
    """What a provider's keys may look like: the parts between slashes, and the length of the whole key."""

    legal_part: re.Pattern[str]
    illegal_character: re.Pattern[str]
    longest: int

    def accepts(self, part: str) -> bool:
        """Returns whether the part is legal; never if it steps up, since MLflow reads keys as file paths."""
        return bool(self.legal_part.fullmatch(part)) and part != "." and not part.startswith("..")

    def legalise(self, part: str) -> str:
        candidate = self.illegal_character.sub("_", part)
        return candidate if self.accepts(candidate) else f"x{candidate.replace('.', '_')}"


def key_for(path: KeyPath, rules: KeyRules) -> str:
    """Returns the path joined by '/', where that is legal; else the nearest legal key and a mark.

    The mark is a hash of the path. A path whose own key looks marked is marked as well, so that no plain key
    can be taken for a marked one.
    """
    joined = "/".join(path)
    legal = all(rules.accepts(part) for part in path) and len(joined) <= rules.longest
    return joined if legal and not _MARKED.search(joined) else marked_key_for(path, rules)


def marked_key_for(path: KeyPath, rules: KeyRules) -> str:
    """Returns the nearest legal key and the mark, also where the path itself is legal."""
    stem = "/".join(rules.legalise(part) for part in path)
    return f"{stem[: rules.longest - MARK_LENGTH - 1]}-{mark(dumps(list(path)))}"


def keys_for(
    paths: Iterable[KeyPath], rules: KeyRules, *, folds_case: bool = False
) -> dict[KeyPath, str]:
    """Returns a key of its own for each path.

    With `folds_case`, a key that differs from an earlier one in upper and lower case alone is marked.
    """
    keys = {path: key_for(path, rules) for path in paths}
    if folds_case:
        first = {key.casefold(): path for path, key in reversed(keys.items())}
        for path, key in keys.items():
            if first[key.casefold()] != path:
                keys[path] = marked_key_for(path, rules)
    return keys


class Renaming(str):
    """A note that a key is spelled otherwise than its path: true of each result with that key."""

    __slots__ = ()


def renamed(keys: Mapping[KeyPath, str]) -> Iterator[Renaming]:
    """Yields a note on each key that isn't its path joined by '/'."""
    for path, key in keys.items():
        if key != "/".join(path):
            yield Renaming(f"key {'/'.join(path)!r} is sent as {key!r}")
