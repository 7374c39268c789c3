"""Formats numbers and shares for people: four digits, percent; and values as short texts. Pure."""

from __future__ import annotations

import json
import math

from fairmind_sync.results.plain_json import Json, dumps

_LONGEST = 400
_WHOLE_UP_TO = 1e6
_FINE_FROM = 1e-3


def number(value: float | None) -> str:
    """Returns the number with four significant digits at most; counts whole; nothing for None."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return dumps(value)
    if value == round(value) and abs(value) < _WHOLE_UP_TO:
        return f"{value:.0f}"
    return (
        f"{value:.4f}".rstrip("0").rstrip(".")
        if _FINE_FROM <= abs(value) < _WHOLE_UP_TO
        else f"{value:.3g}"
    )


def percent(ratio: float | None) -> str:
    """Returns the share with a decimal where that says more: 79.6 % isn't four fifths.

    A line doesn't end before the sign: the space between is one that doesn't break.
    """
    return "" if ratio is None else f"{100 * ratio:.1f}".removesuffix(".0") + "\N{NO-BREAK SPACE}%"


def phrase(value: Json) -> str:
    """Returns a text as it is, anything else as compact JSON; at most 400 characters of it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
