"""Cells of tables as JSON and CSV hold them: NaN as text, and nothing
that a spreadsheet takes for a formula.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from fairmind_sync.results.plain_json import dumps
from fairmind_sync.text import storable

Cell: TypeAlias = str | float | bool | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def json_cell(cell: Cell) -> Cell:
    """Returns the cell as strict JSON holds it: NaN and the infinities, which are no JSON, are texts."""
    if isinstance(cell, str):
        return storable(cell)
    return dumps(cell) if isinstance(cell, float) and not math.isfinite(cell) else cell


def csv_cell(cell: Cell) -> Cell:
    """Returns the cell as CSV holds it; a text that a spreadsheet would compute begins with '."""
    shown = json_cell(cell)
    is_formula = isinstance(cell, str) and cell.startswith(_FORMULA)
    return f"'{shown}" if is_formula else shown
