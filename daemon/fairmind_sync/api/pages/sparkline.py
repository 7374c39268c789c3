"""Draws the small SVG line of a provider's backlog in the last day, for its card. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from fairmind_sync.evidence.html_parts import fill
from fairmind_sync.outbox.samples import EVERY, Sample

DAY = timedelta(days=1)
_SHORTEST = timedelta(hours=1)
_WIDTH, _HEIGHT, _PAD = 240, 44, 3
_SVG = (
    '<svg class="sparkline" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" '
    'aria-label="{title}"><title>{title}</title>{lines}</svg>'
)
_LINE = '<polyline points="{points}"/>'


def sparkline(samples: Sequence[Sample], now: datetime) -> Markup | None:
    """Returns the waiting deliveries over the last 24 hours; None where that would be no line to look at.

    That is: of less than an hour, or where nothing waited.
    Where samples are missing, as of a night without a daemon, the line has a gap.
    """
    most = max((one.pending for one in samples), default=0)
    if not most or samples[-1].at - samples[0].at < _SHORTEST:
        return None
    lines = Markup().join(
        fill(_LINE, points=" ".join(_point(one, most, now) for one in part))
        for part in _parts(samples)
    )
    title = f"Waiting over the last 24 hours: at most {most:,}, now {samples[-1].pending:,}"
    return fill(_SVG, width=_WIDTH, height=_HEIGHT, title=title, lines=lines)


def _parts(samples: Sequence[Sample]) -> list[list[Sample]]:
    parts: list[list[Sample]] = [[]]
    for one in samples:
        if parts[-1] and one.at - parts[-1][-1].at > 3 * EVERY:
            parts.append([])
        parts[-1].append(one)
    return parts


def _point(sample: Sample, most: int, now: datetime) -> str:
    x = _WIDTH * (1 - (now - sample.at) / DAY)
    y = _HEIGHT - _PAD - (_HEIGHT - 2 * _PAD) * sample.pending / most
    return f"{x:.1f},{y:.1f}"
