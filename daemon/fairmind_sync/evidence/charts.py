"""Draws a bar chart of one metric by group as SVG, with intervals, thresholds and the four-fifths band. Pure.

Places from left to right are in percent, and heights in pixels: so each chart is as wide as its page, and a
phone's has texts of a desk's size. A group's name and value stand above its bar, where both have room.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from fairmind_sync.evidence.four_fifths import FOUR_FIFTHS, stands_out
from fairmind_sync.evidence.html_parts import fill, joined
from fairmind_sync.evidence.number_format import number, percent
from fairmind_sync.results.recognition import words
from fairmind_sync.results.recognition.rows import Row
from fairmind_sync.text import cut_short

MOST_BARS = 40
_LINE, _TEXT, _BAR_TOP, _BAR = 44, 16, 22, 14
_LONGEST_LABEL = 36
_LEAST = 0.3
"""So many percent of the width has the bar of a value of almost 0."""
_CHART = '<svg class="chart" width="100%" height="{height}" role="img" aria-label="{title}">{parts}</svg>'
_BAND = '<rect class="band" x="{x}%" y="0" width="{width}%" height="{height}"/>'
_AXIS = '<line class="axis" x1="{x}%" y1="0" x2="{x}%" y2="{height}"/>'
_THRESHOLD = '<line class="threshold" x1="{x}%" y1="{y}" x2="{x}%" y2="{end}"/>'
_INTERVAL = '<line class="interval" x1="{start}%" y1="{y}" x2="{end}%" y2="{y}"/>'
_BAR_OF_GROUP = (
    '<text class="label" x="0" y="{text_y}">{label}</text>'
    '<rect class="bar {kind}" x="{x}%" y="{y}" width="{width}%" height="{height}">'
    "<title>{title}</title></rect>"
    '<text class="value" x="100%" y="{text_y}">{value}</text>'
)


def chart(rows: Sequence[Row]) -> Markup:
    """Returns a bar for each group of one metric, with intervals, thresholds and the four-fifths band."""
    drawn = drawn_of(rows)
    scale = _Scale(drawn)
    height = _LINE * len(drawn)
    parts = [_band(drawn, scale, height), fill(_AXIS, x=scale.x(0), height=height)]
    parts += [_bar(row, scale, _LINE * place) for place, row in enumerate(drawn)]
    title = f"{words.spoken(rows[0].metric)} by group" if rows else ""
    return fill(_CHART, height=height, title=title, parts=joined(parts))


def drawn_of(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows that a chart shows: the first `MOST_BARS` whose value is finite."""
    return [row for row in rows if math.isfinite(row.value)][:MOST_BARS]


class _Scale:
    """From values to percent of the width: of 0 to 1 where all values are, else of as much as they reach."""

    def __init__(self, rows: Sequence[Row]) -> None:
        ends = [
            end for row in rows for end in (row.value, row.lower, row.upper, _own_threshold(row))
        ]
        values = [end for end in ends if end is not None and math.isfinite(end)]
        self.low = min(0.0, *values) if values else 0.0
        self.high = max(values, default=1.0)
        if 0 < self.high <= 1 and self.low == 0:
            self.high = 1.0
        self.high = self.high if self.high > self.low else self.low + 1

    def x(self, value: float) -> float:
        share = value / 2 - self.low / 2, self.high / 2 - self.low / 2
        return round(100 * min(1.0, max(0.0, share[0] / share[1])), 2)


def _band(rows: Sequence[Row], scale: _Scale, height: int) -> Markup:
    """Returns the area between four fifths of the highest group's rate and that rate."""
    highest = next((row for row in rows if row.group == row.highest), None)
    if highest is None:
        return Markup()
    start, end = scale.x(FOUR_FIFTHS * highest.value), scale.x(highest.value)
    return fill(_BAND, x=start, width=round(end - start, 2), height=height)


def _bar(row: Row, scale: _Scale, y: int) -> Markup:
    start, end = sorted((scale.x(0), scale.x(row.value)))
    bar = fill(
        _BAR_OF_GROUP,
        text_y=y + _TEXT,
        label=cut_short(str(row.group), _LONGEST_LABEL),
        kind=_kind(row),
        x=start,
        y=y + _BAR_TOP,
        width=round(max(_LEAST, end - start), 2),
        height=_BAR,
        title=_title(row),
        value=_value(row),
    )
    return bar + _interval(row, scale, y) + _threshold(row, scale, y)


def _interval(row: Row, scale: _Scale, y: int) -> Markup:
    if row.lower is None or row.upper is None:
        return Markup()
    return fill(
        _INTERVAL, start=scale.x(row.lower), end=scale.x(row.upper), y=y + _BAR_TOP + _BAR // 2
    )


def _threshold(row: Row, scale: _Scale, y: int) -> Markup:
    threshold = _own_threshold(row)
    if threshold is None:
        return Markup()
    return fill(_THRESHOLD, x=scale.x(threshold), y=y + _BAR_TOP - 3, end=y + _BAR_TOP + _BAR + 3)


def _own_threshold(row: Row) -> float | None:
    """Returns the threshold that the result states for this very value; another one may be a ratio's."""
    return row.threshold if row.has_own_threshold else None


def _kind(row: Row) -> str:
    if stands_out(row):
        return "failed"
    return "reference" if row.group == row.reference else "usual"


def _title(row: Row) -> str:
    count = f", {row.count} members" if row.count is not None else ""
    compared = f", {percent(row.ratio)} of {row.reference}" if row.ratio is not None else ""
    return f"{row.group}: {number(row.value)}{compared}{count}"


def _value(row: Row) -> str:
    return number(row.value) if row.ratio is None else f"{number(row.value)} · {percent(row.ratio)}"
