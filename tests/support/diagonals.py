"""Which cases of a large matrix every run of the tests has, and which only `task nightly`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from _pytest.mark import ParameterSet

_MOST_APART = 6


def one_of(values: Sequence[Any]) -> list[ParameterSet]:
    """Every value; all but the first are marked `nightly`."""
    first, *others = values
    return [pytest.param(first), *(pytest.param(one, marks=pytest.mark.nightly) for one in others)]


def diagonals(
    rows: Sequence[Any], columns: Sequence[Any], *, apart: int | None = None
) -> list[ParameterSet]:
    """Every pair; those off each sixth diagonal are marked `nightly`. The others have each row and column.

    `apart` is how far apart the diagonals are, where not each row has to be among the others.
    """
    apart = apart or min(_MOST_APART, len(rows), len(columns))
    return [
        pytest.param(row, column, marks=[pytest.mark.nightly] if (y + x) % apart else [])
        for y, row in enumerate(rows)
        for x, column in enumerate(columns)
    ]
