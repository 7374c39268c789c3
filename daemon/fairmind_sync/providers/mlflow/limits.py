"""What an MLflow server takes (keys, lengths, entries in a batch):
the newest limits, and smaller ones after a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fairmind_sync.results.keys import KeyRules

_WITH_COLON = KeyRules(re.compile(r"[\w.\- :]+"), re.compile(r"[^\w.\- :]"), longest=250)
_WITHOUT_COLON = KeyRules(re.compile(r"[\w.\- ]+"), re.compile(r"[^\w.\- ]"), longest=250)
_PARAM_LENGTHS = (6_000, 500, 250)
_TAG_LENGTHS = (8_000, 5_000, 250)


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one server takes; by default what the newest servers take.

    `most_entries` is how many metrics and parameters a batch may have. With `folds_case`, keys that differ in
    upper and lower case alone are one key to the server's database.
    """

    keys: KeyRules = _WITH_COLON
    longest_param: int = _PARAM_LENGTHS[0]
    longest_tag: int = _TAG_LENGTHS[0]
    most_entries: int = 900
    folds_case: bool = False

    def after_refused_entry(
        self, key: str, value: str, other_keys: Iterable[str]
    ) -> ServerLimits | None:
        """Returns limits by which the refused entry is sent otherwise; None if there are none.

        `value` is a parameter's text, and empty for a metric. Servers older than 2.16 refuse ':' in keys,
        those older than 2.8 parameters of more than 500 characters, those older than 1.28 more than 250.
        An entry that these limits already send otherwise was made before another thread learned them.
        """
        if ":" in key:
            return replace(self, keys=_WITHOUT_COLON)
        if _has_twin(key, other_keys):
            return replace(self, folds_case=True)
        if len(value) > self.longest_param:
            return self
        shorter = _shorter(_PARAM_LENGTHS, self.longest_param, len(value))
        return None if shorter is None else replace(self, longest_param=shorter)

    def after_refused_run(self, tags: Iterable[str]) -> ServerLimits | None:
        """Returns limits by which the refused run's tags are shorter; None if they can't be."""
        longest = max(map(len, tags), default=0)
        if longest > self.longest_tag:
            return self  # as above
        shorter = _shorter(_TAG_LENGTHS, self.longest_tag, longest)
        return None if shorter is None else replace(self, longest_tag=shorter)


def _has_twin(key: str, other_keys: Iterable[str]) -> bool:
    folded = key.casefold()
    return any(other != key and other.casefold() == folded for other in other_keys)


def _shorter(lengths: Iterable[int], longest: int, length: int) -> int | None:
    """Returns the next of the descending lengths that is less than the limit so far and than the text's."""
    return next((one for one in lengths if one < min(longest, length)), None)
