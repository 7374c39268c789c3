"""The four-fifths rule: which groups are selected less than four fifths as often as the highest one."""

from __future__ import annotations

from collections.abc import Sequence

from fairmind_sync.results.recognition.rows import Row

FOUR_FIFTHS = 0.8
"""Below so much of the highest group's rate, adverse impact is generally suspected (29 CFR 1607.4 D)."""
_ROUNDING = 1e-9


def is_below_four_fifths(row: Row) -> bool:
    """Returns whether the group is selected less than four fifths as often as the highest one."""
    return row.impact is not None and row.impact < FOUR_FIFTHS - _ROUNDING


def stands_out(row: Row) -> bool:
    """Returns whether the row failed, as the result says or by the four-fifths rule."""
    return row.passed is False or is_below_four_fifths(row)


def has_band(rows: Sequence[Row]) -> bool:
    """Returns whether the four-fifths rule makes sense for the rows: they are selection rates."""
    return any(row.highest is not None for row in rows)
