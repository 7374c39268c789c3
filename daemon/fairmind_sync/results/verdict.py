"""Finds the verdict on the whole test in a result: passed or failed,
risk, bias detected, counts of metrics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition import words
from fairmind_sync.results.recognition.shapes import rows_in
from fairmind_sync.results.risk_levels import LEVELS
from fairmind_sync.text import storable

_MOST = 2**31 - 1
_RISKS = (
    *(
        ("overall_risk",),
        ("risk_level",),
        ("overall_risk_level",),
        ("overall_assessment", "risk_level"),
    ),
    *(("risk_assessment", "risk_level"), ("bias_summary", "overall_bias_level"), ("severity",)),
    *(("risk_summary", "overall_severity"), ("bias_severity",), ("overall_severity",)),
)
"""Where FairMind's results state the risk of the whole test, the plainest first."""
_DETECTED = (
    ("overall_bias_detected",),
    ("bias_summary", "overall_bias_detected"),
    ("bias_detected",),
)
_FAIR = (("overall_fair",), ("is_fair",))
_PASSED = ("passed", "pass", "compliant")
_STATUSES = ("verdict", "status", "outcome")
_OF_A_SERVER = frozenset({"ok"})
_ENVELOPES = ("results", "data", "result")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A result's verdict; `overall_risk` and `bias_detected` are None, a count 0, where nothing is stated."""

    overall_risk: str | None
    metrics_passed: int
    metrics_failed: int
    bias_detected: bool | None = None
    is_stated_passed: bool | None = None

    @property
    def has_passed(self) -> bool | None:
        """Whether the test passed: nothing failed, and no bias was detected; None if nothing is stated.

        That the whole test failed, as the result states, counts more than what is said of its metrics.
        """
        if self.metrics_failed or self.bias_detected or self.is_stated_passed is False:
            return False
        is_good = self.metrics_passed or self.bias_detected is False or self.is_stated_passed
        return True if is_good else None

    @property
    def word(self) -> str | None:
        """'passed' or 'failed'; None if nothing is stated."""
        return {True: "passed", False: "failed", None: None}[self.has_passed]


def verdict_of(results: Mapping[str, Json]) -> Verdict:
    """Returns the verdict that the results state; values of a wrong type count as missing.

    Metrics that passed and failed are counted where the results state no such counts.
    """
    wholes = [*_all_in(results)]
    counts = [_stated_count(wholes, name) for name in ("metrics_passed", "metrics_failed")]
    if counts == [None, None]:
        counts = [*_counted(results)]
    risk, detected = _risk(results, wholes), _flag(wholes)
    storable_risk = None if risk is None else storable(risk)
    return Verdict(storable_risk, counts[0] or 0, counts[1] or 0, detected, _passed(wholes))


def _risk(results: Mapping[str, Json], wholes: Sequence[Mapping[str, Json]]) -> str | None:
    found = [text for place in _RISKS for one in wholes if (text := _text(one, place))]
    stated = next((text for text in found if words.folded(text) in LEVELS), None)
    if stated is not None:
        return words.folded(stated)
    whole = results.get("overall_risk")
    return whole if isinstance(whole, str) else _worst(results) or next(iter(found), None)


def _worst(results: Mapping[str, Json]) -> str | None:
    """Returns the worst level of the entries of a list of results, of categories, or of attributes."""
    listed, by_attribute = results.get("results"), _at(results, ("bias_detection", "bias_severity"))
    entries = [*(listed if isinstance(listed, list) else ()), *results.values()]
    levels: list[Json] = [
        _risk(entry, [*_all_in(entry)])
        for entry in entries
        if isinstance(entry, dict) and "severity" in entry
    ]
    levels += [*by_attribute.values()] if isinstance(by_attribute, dict) else []
    known = [words.folded(level) for level in levels if isinstance(level, str)]
    return max((level for level in known if level in LEVELS), key=LEVELS.index, default=None)


def _flag(wholes: Sequence[Mapping[str, Json]]) -> bool | None:
    """Returns whether the results say that bias was detected."""
    for one in wholes:
        for places, negated in ((_DETECTED, False), (_FAIR, True)):
            for place in places:
                value = _at(one, place)
                if isinstance(value, bool):
                    return value is not negated
    return None


def _passed(wholes: Sequence[Mapping[str, Json]]) -> bool | None:
    """Returns whether the results say that the whole test passed; a status such as 'ok' may be a server's."""
    for one in wholes:
        for key in _PASSED:
            if isinstance(value := one.get(key), bool):
                return value
        for key in _STATUSES:
            word = words.folded(value) if isinstance(value := one.get(key), str) else ""
            if word in words.FAILS or word in words.PASSES - _OF_A_SERVER:
                return word in words.PASSES
    return None


def _counted(results: Mapping[str, Json]) -> Iterator[int]:
    """Yields how many metrics passed and failed; of groups, where no metric is judged as a whole."""
    rows = rows_in(results, {}) if _is_judged({**results}) else []
    judged = [row for row in rows if row.passed is not None]
    counted = [row for row in judged if row.group is None] or judged
    yield sum(row.passed is True for row in counted)
    yield sum(row.passed is False for row in counted)


def _is_judged(value: Json) -> bool:
    """Returns whether any key says that something passed or failed: else no rows are looked for."""
    if isinstance(value, dict):
        return any(words.is_judgement(key) or _is_judged(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_is_judged, value))


def _stated_count(wholes: Sequence[Mapping[str, Json]], name: str) -> int | None:
    counts = (_count(one.get(name)) for one in wholes)
    return next((count for count in counts if count is not None), None)


def _all_in(results: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """Yields the results, and the envelopes within, as FairMind's API answers with them."""
    yield results
    for name in _ENVELOPES:
        if isinstance(inner := results.get(name), dict):
            yield inner


def _at(results: Mapping[str, Json], place: Sequence[str]) -> Json:
    value: Json = results.get(place[0])
    for key in place[1:]:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _text(results: Mapping[str, Json], place: Sequence[str]) -> str | None:
    value = _at(results, place)
    return value if isinstance(value, str) and value else None


def _count(value: Json) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 0 <= value <= _MOST else None  # type: ignore[operator,return-value]  # just checked
