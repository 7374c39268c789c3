"""Which cases of a large matrix every run of the tests has, and which only `task nightly`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from _pytest.mark import ParameterSet

_MOST_APART = 6


def one_of(values: Sequence[Any]) -> list[ParameterSet]:
    """Every value; all but the first are marked `nightly`."""
    return some_of(values, 1)


def some_of(values: Sequence[Any], count: int) -> list[ParameterSet]:
    """Every value; all but the first `count` are marked `nightly`. A tuple holds a value for each name."""
    return [
        pytest.param(
            *(one if isinstance(one, tuple) else (one,)),
            marks=[pytest.mark.nightly] if place >= count else [],
        )
        for place, one in enumerate(values)
    ]


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


def pairs(
    rows: Sequence[Any], columns: Sequence[Any], *each_time: tuple[Any, Any]
) -> list[ParameterSet]:
    """Every pair; all but those of `each_time` are marked `nightly`."""
    others = [one for one in product(rows, columns) if one not in each_time]
    return some_of([*each_time, *others], len(each_time))


MOSTLY_A_FILE = pytest.mark.parametrize(
    "database_url", one_of(["sqlite", "postgresql"]), indirect=True
)
"""For a test to which the database makes no difference; each one's neighbour has the other one."""
MOSTLY_A_SERVER = pytest.mark.parametrize(
    "database_url", one_of(["postgresql", "sqlite"]), indirect=True
)
