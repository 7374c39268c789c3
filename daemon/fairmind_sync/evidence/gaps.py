"""The report's table of how far apart the groups are in each metric: lowest, highest, difference, ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from fairmind_sync.evidence.html_tables import plain_grid
from fairmind_sync.evidence.number_format import number, percent
from fairmind_sync.results.recognition import directions, words
from fairmind_sync.results.recognition.rows import Row, blocks_of, ratio_of

_HEADS = ("Attribute", "Metric", "Lowest", "Highest", "Difference", "Ratio")
_FEWEST = 2
MOST_GAPS = 60


def gaps(groups: Sequence[Row]) -> Markup | None:
    """Returns a table with a line for each metric of several groups; None if there is none."""
    lines = [line for rows in blocks_of(groups) if (line := _line(rows)) is not None]
    return plain_grid(_HEADS, lines[:MOST_GAPS], len(lines) - MOST_GAPS)


def _line(rows: Sequence[Row]) -> tuple[str, ...] | None:
    finite = [row for row in rows if math.isfinite(row.value)]
    metric = rows[0].metric
    if len(finite) < _FEWEST or words.is_count(metric) or not directions.is_comparable(metric):
        return None
    low, high = (choose(finite, key=lambda row: row.value) for choose in (min, max))
    return (
        words.spoken(rows[0].attribute or ""),
        words.spoken(metric),
        f"{low.group}: {number(low.value)}",
        f"{high.group}: {number(high.value)}",
        number(high.value - low.value),
        percent(ratio_of(low.value, high.value)),
    )
