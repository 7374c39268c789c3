"""Bias metrics over time, on a true axis of time, with thresholds: an SVG of pygal's, without scripts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fairmind_sync.api.pages.comparison import numbers_in
from fairmind_sync.results.recognition import words
from fairmind_sync.results.recognition.shapes import rows_in

if TYPE_CHECKING:
    from fairmind_sync.outbox.result_lookup import TrendPoint

MOST_LINES = 6
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LARGEST, _SMALLEST = 1e100, 1e-100  # beyond these pygal's own arithmetic fails
_COLOURS = ("#2f6fde", "#c2410c", "#15803d", "#9333ea", "#be185d", "#0e7490")
_DARK = """inline:
  @media (prefers-color-scheme: dark) {
    .axis text, .legends text, .no_data { fill: #d6dae1 !important }
    .guide.line, .axis .line { stroke: #4a5160 !important }
    .series, .legends rect { filter: brightness(1.6) }
  }
"""
_SET = ("threshold", "thresholds", "lower", "upper")
"""Names of what a tester sets, or of what bounds a measured number."""
_MOST_TICKS = 6
_DAY = timedelta(days=1)
_STEPS = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 180, 360, 720)),
    *(timedelta(days=days) for days in (1, 2, 7, 14, 30, 91, 182, 365, 730, 1825, 3650)),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A metric's values by time; None where a result lacks the metric: the line has a gap there.

    `threshold` is the one that the newest result with this very metric states for it, if it states one.
    """

    name: str
    points: Sequence[tuple[datetime, float | None]]
    threshold: float | None = None


def metrics_of(points: Iterable[TrendPoint], wanted: str = "") -> tuple[list[str], list[str]]:
    """Returns the metrics to show, and all that can be chosen: thresholds and flags of what passed are none.

    The metrics to show are the wanted one; else those with a threshold first, then those that most results
    have. Rates, between -1 and 1, are shown without other numbers, since a count in the same chart would
    flatten the rates to one line.
    """
    counted: Counter[str] = Counter()
    beyond: set[str] = set()
    judged: set[str] = set()
    for point in points:
        found = numbers_in(point.results)
        counted.update(found.keys())
        beyond.update(name for name, value in found.items() if abs(value) > 1)
        judged.update(_thresholds(point, found))
    measured = Counter({name: count for name, count in counted.items() if _is_measured(name)})
    known = sorted(measured or counted)
    if wanted in counted:
        return [wanted], known
    rates = Counter({name: count for name, count in measured.items() if name not in beyond})
    chosen = rates or measured or counted
    first = sorted(chosen, key=lambda name: (name not in judged, -chosen[name], name))
    return sorted(first[:MOST_LINES]), known


def _is_measured(name: str) -> bool:
    last = words.folded(name.rpartition("/")[2])
    return not (last in _SET or words.is_judgement(last))


def lines_of(points: Sequence[TrendPoint], metrics: Sequence[str]) -> list[Line]:
    """Returns a line for each metric; the points come oldest first."""
    found = [(point.at, numbers_in(point.results)) for point in points]
    thresholds: dict[str, float] = {}
    for point, (_, numbers) in zip(points, found, strict=True):
        thresholds |= _thresholds(point, numbers)
    return [
        Line(
            name,
            [(at, numbers.get(name)) for at, numbers in found],
            thresholds.get(name),
        )
        for name in metrics
    ]


def trend_svg(lines: Sequence[Line]) -> str:
    """Draws the lines, and each threshold as a dashed one; returns the SVG."""
    import pygal  # most daemons never draw

    times = [at for line in lines for at, _ in line.points]
    ticks, day_format = _ticks(times)
    drawn = pygal.DateTimeLine(
        style=_style(),
        css=["file://style.css", "file://graph.css", _DARK],
        js=[],
        width=900,
        height=360,
        legend_at_bottom=True,
        legend_at_bottom_columns=2,
        dots_size=3,
        margin_bottom=30,
        allow_interruptions=True,
        x_labels=ticks,
        show_x_labels=bool(ticks),
        x_value_formatter=lambda at: f"{at:{day_format}}",
        truncate_label=-1,
        truncate_legend=48,
        no_data_text="no metric yet",
        disable_xml_declaration=True,
    )
    drawn.add_xml_filter(_without_scripts)
    for line in lines:
        name = _NOT_IN_XML.sub("\ufffd", line.name)
        drawn.add(name, [(at, _drawable(value)) for at, value in line.points])
    for line in lines:
        if line.threshold is not None and len({*times}) > 1:
            name = _NOT_IN_XML.sub("\ufffd", f"threshold of {line.name}")
            ends = [(at, _drawable(line.threshold)) for at in (min(times), max(times))]
            drawn.add(name, ends, show_dots=False, stroke_style={"width": 1, "dasharray": "6, 4"})
    return str(drawn.render())


def _thresholds(point: TrendPoint, numbers: Mapping[str, float]) -> dict[str, float]:
    """Returns the thresholds that a result states for values of its own, by the names of the values."""
    rows = [row for row in rows_in(point.results, {}) if row.has_own_threshold]
    return {
        name: row.threshold
        for row in rows
        for name, value in numbers.items()
        if row.threshold is not None
        and row.value == value
        and words.folded(row.metric) in words.folded(name)
    }


def _ticks(times: Sequence[datetime]) -> tuple[list[datetime], str]:
    """Returns at most seven round times from the first to the last, and how they are written."""
    if not times:
        return [], "%Y-%m-%d"
    first, last = min(times), max(times)
    fitting = (step for step in _STEPS if (last - first) / step <= _MOST_TICKS)
    step = next(fitting, _STEPS[-1] * 10)
    written = "%Y-%m-%d" if step >= _DAY else "%m-%d %H:%M"
    if first == last:
        return [first], "%Y-%m-%d %H:%M"
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    tick = epoch + -((epoch - first) // step) * step  # the first round time that isn't before
    ticks = []
    while tick <= last:
        ticks.append(tick)
        tick += step
    return ticks or [first], written


def _style() -> Any:
    from pygal.style import Style

    return Style(
        background="transparent",
        plot_background="transparent",
        foreground="#39404d",
        foreground_strong="#39404d",
        foreground_subtle="#8a93a3",
        colors=_COLOURS,
        font_family="system-ui, sans-serif",
        guide_stroke_color="#d9dee6",
        major_guide_stroke_color="#d9dee6",
        stroke_width="2",
        no_data_font_size=18,
        label_font_size=13,
        major_label_font_size=13,
    )


def _without_scripts(root: Any) -> Any:
    """Removes the settings that pygal leaves for a JavaScript library, which we don't load."""
    for parent in list(root.iter()):
        for child in list(parent):
            if str(child.tag).endswith("script"):
                parent.remove(child)
    return root


def _drawable(value: float | None) -> float | None:
    """Returns the value rounded, since pygal's scale of almost equal values never ends; None if too large."""
    if value is None or abs(value) > _LARGEST:
        return None
    return float(f"{value:.9g}") if abs(value) >= _SMALLEST else 0.0
