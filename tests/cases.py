"""Which cases of a large matrix every run of the tests has, and which only `task matrix`."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from _pytest.mark import ParameterSet


def chessboard(rows: Sequence[str], columns: Sequence[str]) -> list[ParameterSet]:
    """Every pair; each second one is marked `matrix`, so that the others have each row and each column."""
    return [
        pytest.param(row, column, marks=[pytest.mark.matrix] if (y + x) % 2 else [])
        for y, row in enumerate(rows)
        for x, column in enumerate(columns)
    ]
