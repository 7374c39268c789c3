"""What applies to a number from the keys above and beside it:
attribute, metric, thresholds, reference group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from fairmind_sync.results.keys import KeyPath
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition import words
from fairmind_sync.results.recognition.measures import as_number

Object: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Scope:
    """What is known of numbers from what is around them; `known` are attributes that the metadata name."""

    known: frozenset[str] = frozenset()
    attribute: str | None = None
    metric: str | None = None
    threshold: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    reference: str | None = None
    references: Mapping[str, str] = field(default_factory=dict)

    def at(self, key: str, entry: Object) -> Scope:
        """Returns what is known within the object under the key."""
        attribute = words.attribute_in(key, self.known)
        is_metric = attribute is None and words.is_metric(key) and not words.is_count(key)
        named = words.first_of(words.REFERENCES, entry)
        return replace(
            self,
            attribute=attribute or self.attribute,
            metric=key if is_metric else self.metric,
            threshold=either(as_number(words.first_of(words.THRESHOLDS, entry)), self.threshold),
            thresholds={**self.thresholds, **_thresholds(entry.get("thresholds"))},
            reference=named if isinstance(named, str) else self.reference,
            references={**self.references, **_by_attribute(named)},
        )

    def around(self, path: KeyPath) -> str | None:
        """Returns the metric that an object is about: the nearest above it, or the key that holds it.

        A place in a list is no metric.
        """
        above = path[-2] if len(path) > 1 and not path[-2].isdecimal() else ""
        is_named = above and words.attribute_in(above, self.known) is None
        return above if is_named and self.metric is None else self.metric

    def threshold_of(self, metric: str) -> float | None:
        return self.thresholds.get(words.folded(metric), self.threshold)


def attributes_in(metadata: Object) -> list[str]:
    """Returns the protected attributes that the metadata name."""
    named = words.first_of(words.PROTECTED, metadata)
    return [one for one in (named if isinstance(named, list) else [named]) if isinstance(one, str)]


def either(first: float | None, second: float | None) -> float | None:
    """Returns the first number, or the second where there is no first."""
    return second if first is None else first


def _by_attribute(named: Json) -> dict[str, str]:
    """Returns reference groups by attribute, as `{"sex": "male"}` or a list of such names them."""
    entries = named if isinstance(named, list) else [named]
    return {
        words.folded(attribute): str(group)
        for entry in entries
        if isinstance(entry, dict)
        for attribute, group in entry.items()
        if isinstance(group, str | int | float)
    }


def _thresholds(given: Json) -> dict[str, float]:
    """Returns thresholds by metric, from an object or a list of objects."""
    if isinstance(given, dict):
        pairs = list(given.items())
    else:
        entries = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
        pairs = [
            (str(words.first_of(words.NAMES, one)), words.first_of(("value", "threshold"), one))
            for one in entries
        ]
    numbers = {words.folded(key): as_number(value) for key, value in pairs}
    return {key: number for key, number in numbers.items() if number is not None}
