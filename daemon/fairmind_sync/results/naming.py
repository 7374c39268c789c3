"""Chooses between the two ways of naming: each is how numbers are
named, how keys are made, and what a run is called.

The second is what a new installation has; `FAIRMIND_SYNC_NAMES=1` keeps the first for those who have runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.earlier_names import numbers_by_path
from fairmind_sync.results.keys import KeyPath, KeyRules, keys_for
from fairmind_sync.results.metric_names import Numbers, numbers_by_name
from fairmind_sync.results.name_choice import Names
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.readable_keys import readable_keys


class MakeKeys(Protocol):
    def __call__(
        self, paths: Iterable[KeyPath], rules: KeyRules, *, folds_case: bool = ...
    ) -> dict[KeyPath, str]:
        """Returns a key of its own for each path."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How a run's numbers are found and named, how keys are made of names, and what the run is called."""

    numbers: Callable[[Mapping[str, Json], Mapping[str, Json]], Numbers]
    keys: MakeKeys
    run_name: Callable[[SavedResult], str]


def _first_run_name(result: SavedResult) -> str:
    return f"{result.test_type}_{result.test_id}"


def run_name(result: SavedResult) -> str:
    """Returns model, type and id of the test, as far as they are given."""
    return " - ".join(one for one in (result.model_id, result.test_type, result.test_id) if one)


_NAMINGS: dict[Names, Naming] = {
    1: Naming(lambda results, _: Numbers(numbers_by_path(results)), keys_for, _first_run_name),
    2: Naming(numbers_by_name, readable_keys, run_name),
}


def naming(names: Names) -> Naming:
    return _NAMINGS[names]
