"""Draws the lines of metrics over time as an SVG chart: scales, ticks of the axes, thresholds, dots. Pure.

Places from left to right are in percent, and heights in pixels: so a phone's chart has texts and dots of a
desk's size. Colours are the style sheet's, by classes: `c0` is the first line's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from markupsafe import Markup

from fairmind_sync.api.pages.trend_lines import Dot, Limit, Line, limits_of
from fairmind_sync.evidence.html_parts import fill, joined
from fairmind_sync.evidence.number_format import number
from fairmind_sync.text import printable

_TOP, _HEIGHT, _UNDER = 12, 280, 44
_LARGEST, _SMALLEST = (
    1e100,
    1e-100,
)  # what is beyond is not drawn, so that no sum of two is infinite
_MOST_TICKS = 6
_DAY = timedelta(days=1)
_STEPS = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 180, 360, 720)),
    *(timedelta(days=days) for days in (1, 2, 7, 14, 30, 91, 182, 365, 730, 1825, 3650)),
)
_CHART = '<svg class="trend" width="100%" height="{height}" aria-hidden="true">{parts}</svg>'
_GRID = (
    '<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
    '<text class="tick" x="-8" y="{text_y}">{label}</text>'
)
_TIME = (
    '<line class="grid" x1="{x}%" x2="{x}%" y1="{y}" y2="{end}"/>'
    '<text class="time" x="{x}%" y="{text_y}">{fine}</text>'
    '<text class="time" x="{x}%" y="{coarse_y}">{coarse}</text>'
)
_PART = '<line class="part c{place}" x1="{x1}%" y1="{y1}" x2="{x2}%" y2="{y2}"/>'
_LIMIT = (
    '<line class="limit {series}" x1="0" x2="100%" y1="{y}" y2="{y}"><title>{title}</title></line>'
)
_DOT = (
    '<a href="{address}" tabindex="-1"><circle class="dot c{place}" cx="{x}%" cy="{y}" r="4">'
    "<title>{title}</title></circle></a>"
)


def trend_svg(lines: Sequence[Line]) -> Markup | None:
    """Draws the lines, and each threshold once, dashed, below them; None if there is nothing to draw."""
    drawn = [Line(one.name, _drawable_dots(one), _drawable(one.threshold)) for one in lines]
    times = [dot.at for line in drawn for dot in line.points]
    if not times:
        return None
    scale = _Scales.of(drawn, times)
    parts = [*scale.grid(), *scale.times()]
    parts += [_limit(limit, lines, scale) for limit in limits_of(drawn)]
    parts += [part for place, line in enumerate(drawn) for part in _line(line, place, scale)]
    return fill(_CHART, height=_TOP + _HEIGHT + _UNDER, parts=joined(parts))


@dataclass(frozen=True, slots=True)
class _Scales:
    """From times to percent of the width, and from values to pixels of the height."""

    first: datetime
    last: datetime
    values: Sequence[float]
    """The ticks of the values, the lowest first; all values are between the first and the last."""

    @classmethod
    def of(cls, lines: Sequence[Line], times: Sequence[datetime]) -> _Scales:
        values = [dot.value for line in lines for dot in line.points if dot.value is not None]
        limits = [line.threshold for line in lines if line.threshold is not None]
        return cls(min(times), max(times), value_ticks([*values, *limits]))

    def x(self, at: datetime) -> float:
        if self.first == self.last:
            return 50.0
        return round(100 * ((at - self.first) / (self.last - self.first)), 3)

    def y(self, value: float) -> float:
        low, high = self.values[0], self.values[-1]
        return round(_TOP + _HEIGHT * (1 - (value - low) / (high - low)), 1)

    def grid(self) -> Iterator[Markup]:
        for value in self.values:
            y = self.y(value)
            yield fill(_GRID, y=y, text_y=y + 4, label=f"{value:.10g}")

    def times(self) -> Iterator[Markup]:
        end, before = _TOP + _HEIGHT, ""
        for tick, (fine, coarse) in time_ticks(self.first, self.last):
            shown = "" if coarse == before else coarse
            places = {"y": end, "end": end + 5, "text_y": end + 20, "coarse_y": end + 36}
            yield fill(_TIME, x=self.x(tick), fine=fine, coarse=shown, **places)
            before = coarse


def _limit(limit: Limit, lines: Sequence[Line], scale: _Scales) -> Markup:
    place = [line.name for line in lines].index(limit.names[0])
    series = "shared" if limit.is_shared else f"c{place}"
    title = printable(f"{', '.join(limit.names)}: threshold {number(limit.value)}")
    return fill(_LIMIT, series=series, y=scale.y(limit.value), title=title)


def _line(line: Line, place: int, scale: _Scales) -> Iterator[Markup]:
    """Yields the parts between neighbours that both have a value, and the dots."""
    for one, other in zip(line.points, line.points[1:], strict=False):
        if one.value is not None and other.value is not None:
            ends = {"x1": scale.x(one.at), "y1": scale.y(one.value)}
            ends |= {"x2": scale.x(other.at), "y2": scale.y(other.value)}
            yield fill(_PART, place=place, **ends)
    for dot in line.points:
        if dot.value is not None:
            yield _dot(dot, dot.value, line, place, scale)


def _dot(dot: Dot, value: float, line: Line, place: int, scale: _Scales) -> Markup:
    title = printable(f"{line.name}: {value:.6g}, {dot.test_id}, {dot.at:%Y-%m-%d %H:%M} UTC")
    address = f"/result?{urlencode({'test_id': dot.test_id, 'user_id': dot.user_id})}"
    return fill(
        _DOT, place=place, x=scale.x(dot.at), y=scale.y(value), title=title, address=address
    )


def value_ticks(values: Sequence[float]) -> list[float]:
    """Returns three to eight round numbers, the first and last of which enclose the values."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if low == high:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    start, end = math.floor(low / step), math.ceil(high / step)
    return [place * step for place in range(start, max(end, start + 1) + 1)]


def time_ticks(first: datetime, last: datetime) -> list[tuple[datetime, tuple[str, str]]]:
    """Returns at most seven round times from the first to the last, each with a fine and a coarse name."""
    if first == last:
        return [(first, _names(first, timedelta(0)))]
    step = next((one for one in _STEPS if (last - first) / one <= _MOST_TICKS), _STEPS[-1] * 10)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    tick = epoch + -((epoch - first) // step) * step  # the first round time that isn't before
    ticks = []
    while tick <= last:
        ticks.append(tick)
        tick += step
    return [(one, _names(one, step)) for one in ticks or [first]]


def _names(at: datetime, step: timedelta) -> tuple[str, str]:
    if step >= _DAY:
        return f"{at:%m-%d}", f"{at:%Y}"
    return f"{at:%H:%M}", f"{at:%Y-%m-%d}"


def _drawable_dots(line: Line) -> list[Dot]:
    return [dot._replace(value=_drawable(dot.value)) for dot in line.points]


def _drawable(value: float | None) -> float | None:
    """Returns the value, rounded so that almost equal ones have no scale of their own; None if too large."""
    if value is None or abs(value) > _LARGEST:
        return None
    return float(f"{value:.9g}") if abs(value) >= _SMALLEST else 0.0
