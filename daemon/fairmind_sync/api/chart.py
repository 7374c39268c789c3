"""A model's bias metrics over time, drawn by pygal as an SVG without scripts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fairmind_sync.results.names import numbers_by_name

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


def metrics_of(points: Iterable[TrendPoint], wanted: str = "") -> tuple[list[str], list[str]]:
    """Returns the metrics to show, and all metrics that there are.

    The metrics to show are the wanted one, else those that most results have. Rates, between -1 and 1, are
    shown without other numbers, since a count in the same chart would flatten the rates to one line.
    """
    counted: Counter[str] = Counter()
    beyond: set[str] = set()
    for point in points:
        found = metrics_in(point)
        counted.update(found.keys())
        beyond.update(name for name, value in found.items() if abs(value) > 1)
    known = sorted(counted)
    if wanted in counted:
        return [wanted], known
    rates = Counter({name: count for name, count in counted.items() if name not in beyond})
    return sorted(name for name, _ in (rates or counted).most_common(MOST_LINES)), known


def trend_svg(points: list[TrendPoint], wanted: str = "") -> str:
    """Draws a line for each metric, with a gap where a result lacks the metric; returns the SVG."""
    import pygal  # most daemons never draw
    from pygal.style import Style

    chosen, _ = metrics_of(points, wanted)
    drawn = pygal.Line(
        style=Style(
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
            label_font_size=13,
            major_label_font_size=13,
        ),
        css=["file://style.css", "file://graph.css", _DARK],
        js=[],
        width=900,
        height=360,
        legend_at_bottom=True,
        legend_at_bottom_columns=2,
        dots_size=3,
        margin_bottom=30,
        show_x_labels=len(points) > 1,
        x_labels_major_count=6,
        show_minor_x_labels=False,
        truncate_label=-1,
        truncate_legend=48,
        no_data_text="no metric yet",
        disable_xml_declaration=True,
    )
    drawn.add_xml_filter(_without_scripts)
    drawn.x_labels = [f"{point.at:%Y-%m-%d}" for point in points]
    for name in chosen:
        values = [_drawable(metrics_in(point).get(name)) for point in points]
        drawn.add(_NOT_IN_XML.sub("\ufffd", name), values)
    return str(drawn.render())


def _without_scripts(root: Any) -> Any:
    """Removes the settings that pygal leaves for a JavaScript library, which we don't load."""
    for parent in list(root.iter()):
        for child in list(parent):
            if str(child.tag).endswith("script"):
                parent.remove(child)
    return root


def metrics_in(point: TrendPoint) -> dict[str, float]:
    """Returns the result's finite numbers by joined name; others can't be drawn."""
    found = numbers_by_name(point.results, {}).by_name
    return {"/".join(path): value for path, value in found.items() if math.isfinite(value)}


def _drawable(value: float | None) -> float | None:
    """Returns the value rounded, since pygal's scale of almost equal values never ends; None if too large."""
    if value is None or abs(value) > _LARGEST:
        return None
    return float(f"{value:.9g}") if abs(value) >= _SMALLEST else 0.0
