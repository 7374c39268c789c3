from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import tiers


@dataclass(frozen=True)
class _Item:
    path: Path
    number: int
    waits: bool


_ITEMS: list[Any] = [
    _Item(Path(f"test_{file}.py"), number, waits=file % 3 == 0)
    for file in range(20)
    for number in range(file)
]


@pytest.fixture(autouse=True)
def _items_know_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "_waits", lambda item: item.waits)


@pytest.mark.parametrize("processes", [1, 2, 4, 7, 300])
def test_each_test_is_dealt_once(processes: int) -> None:
    assert Counter(tiers.dealt(_ITEMS, processes)) == Counter(_ITEMS)


def test_each_process_begins_with_tests_that_wait_and_ends_with_some_that_compute() -> None:
    dealt: list[Any] = tiers.dealt(_ITEMS, 2)
    middle = len(dealt) // 2
    for share in (dealt[:middle], dealt[middle:]):
        waits = [item.waits for item in share]
        assert waits == sorted(waits, reverse=True)
        assert len({*waits}) == 2


def test_tests_of_a_file_that_wait_stay_together() -> None:
    dealt: list[Any] = tiers.dealt(_ITEMS, 4)
    files = [item.path for item in dealt if item.waits]
    changes = sum(one != other for one, other in itertools.pairwise(files))
    assert changes == len({*files}) - 1


def test_the_longest_file_is_the_first_of_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "_LONG", {"test_3": 1000})
    dealt: list[Any] = tiers.dealt(_ITEMS, 4)
    assert dealt[0].path == Path("test_3.py")
    assert [item.path for item in dealt[3 : len(dealt) // 4] if item.waits] == []


def test_processes_wait_about_equally_long() -> None:
    shares = tiers._shared_out([item for item in _ITEMS if item.waits], 3)
    assert max(map(len, shares)) - min(map(len, shares)) <= 3


def test_the_files_that_are_known_to_wait_long_are_there() -> None:
    assert {path.stem for path in Path(__file__).parent.rglob("test_*.py")} >= {*tiers._LONG}


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("not nightly", tiers.PROCESSES),
        ("system and not nightly", tiers.PROCESSES),
        ("unit or system", tiers.PROCESSES),
        ("unit and not nightly", 2),
    ],
)
def test_tests_that_wait_for_nothing_get_a_process_for_each_core(
    marks: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert tiers.processes_for([str(Path(__file__).parent)], marks) == expected


def test_a_file_runs_in_one_process() -> None:
    assert tiers.processes_for([f"{__file__}::test_a_file_runs_in_one_process"]) == 0
