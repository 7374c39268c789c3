"""Says for each metric how far its groups are apart, in a line. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup

from fairmind_sync.evidence.grids import plain_grid
from fairmind_sync.evidence.wording import number, percent
from fairmind_sync.results.recognition import directions, words
from fairmind_sync.results.recognition.rows import Row

_HEADS = ("Attribute", "Metric", "Lowest", "Highest", "Difference", "Ratio")
_FEWEST = 2
MOST_GAPS = 60


def gaps(groups: Sequence[Row]) -> Markup | None:
    """Returns a table with a line for each metric of several groups; None if there is none."""
    blocks = [[*rows] for _, rows in groupby(sorted(groups, key=_key), key=_key)]
    lines = [line for rows in blocks if (line := _line(rows)) is not None]
    return plain_grid(_HEADS, lines[:MOST_GAPS], len(lines) - MOST_GAPS)


def _key(row: Row) -> tuple[tuple[str, ...], str, str]:
    return row.table, row.attribute or "", row.metric


def _line(rows: Sequence[Row]) -> tuple[str, ...] | None:
    finite = [row for row in rows if math.isfinite(row.value)]
    metric = rows[0].metric
    if len(finite) < _FEWEST or words.is_count(metric) or not directions.is_comparable(metric):
        return None
    low, high = (choose(finite, key=lambda row: row.value) for choose in (min, max))
    ratio = low.value / high.value if high.value > 0 and low.value >= 0 else None
    return (
        words.spoken(rows[0].attribute or ""),
        words.spoken(metric),
        f"{low.group}: {number(low.value)}",
        f"{high.group}: {number(high.value)}",
        number(high.value - low.value),
        percent(ratio),
    )
