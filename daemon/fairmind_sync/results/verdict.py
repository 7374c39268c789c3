"""The verdict that a result states on the whole test, kept in columns for lists and statistics. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fairmind_sync.results.payload import Json

_MOST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """A result's verdict; `overall_risk` is None, and a count 0, where the result states none."""

    overall_risk: str | None
    metrics_passed: int
    metrics_failed: int


def verdict_of(results: Mapping[str, Json]) -> Verdict:
    """Returns the verdict that the results state; values of a wrong type count as missing."""
    risk = results.get("overall_risk")
    return Verdict(
        risk.encode(errors="replace").decode() if isinstance(risk, str) else None,
        _count(results.get("metrics_passed")),
        _count(results.get("metrics_failed")),
    )


def _count(value: Json) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 0 <= value <= _MOST else 0  # type: ignore[operator, return-value]  # just checked
