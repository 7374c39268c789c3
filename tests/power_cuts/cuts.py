"""The moments of a recording at which the power is cut, and what must be there afterwards.

What was not synced at a moment was not synced just before the next sync either, and more may be acknowledged
by then. So the moments just before each sync, and the end, leave whatever any moment can leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.power_cuts.disk import Disk
from tests.power_cuts.facts import Facts
from tests.power_cuts.operations import Mark, Operation, Sync, SyncDirectory


@dataclass(frozen=True, slots=True)
class Expected:
    """What one process acknowledged: results saved, results deleted, and the digest of all rows.

    `first_state` is what the story found; `next_state` is what the step leads to that was begun, or the same
    where nothing was.
    No state: there was no database yet.
    """

    first_state: str | None = None
    state: str | None = None
    next_state: str | None = None
    saved: frozenset[int] = frozenset()
    gone: frozenset[int] = frozenset()
    begun: str = ""
    done: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    story: str
    number: int
    disk: Disk
    expected: Expected | Facts

    @property
    def name(self) -> str:
        return f"{self.story}/{self.number}"


@dataclass(frozen=True, slots=True)
class Told:
    """One story's operations."""

    name: str
    operations: list[Operation] = field(default_factory=list)


def told_by(operations: Iterable[Operation]) -> list[Told]:
    """The operations, story by story."""
    stories: list[Told] = []
    for operation in operations:
        if isinstance(operation, Mark) and "story" in operation.told:
            stories.append(Told(operation.told["story"]))
        else:
            stories[-1].operations.append(operation)
    return stories


def cuts_of(start: Disk, told: Told) -> Iterator[Cut]:
    disk, number = _of_story(start, told.name), 0
    upcoming = _states(told.operations)
    expected = _at_first(disk, upcoming)
    for operation in told.operations:
        match operation:
            case Mark(told=mark):
                expected = (
                    expected.after(mark)
                    if isinstance(expected, Facts)
                    else _after(expected, mark, upcoming)
                )
            case Sync() | SyncDirectory() if disk.pending:
                yield Cut(told.name, number, disk, expected)
                number += 1
        disk = disk.after(operation)
    yield Cut(told.name, number, disk, expected)


def _of_story(disk: Disk, name: str) -> Disk:
    """The story's own directory alone."""
    names = {path: file for path, file in disk.names.items() if f"{path}/".startswith(f"{name}/")}
    return Disk(names, {file: disk.files[file] for file in names.values() if file in disk.files})


def _states(operations: Sequence[Operation]) -> list[str]:
    """The digests of all rows, last first, as they follow each other."""
    marks = [one.told for one in operations if isinstance(one, Mark)]
    return [mark["state"] for mark in reversed(marks) if "state" in mark]


def _at_first(disk: Disk, states: Sequence[str]) -> Expected | Facts:
    """Several processes tell no states: each sees what the others do meanwhile."""
    if not states:
        return Facts()
    found = states[-1] if disk.files else None
    return Expected(found, found, found)


def _after(expected: Expected, mark: Mapping[str, Any], upcoming: list[str]) -> Expected:
    if "begins" in mark:
        return replace(expected, begun=mark["begins"], next_state=upcoming[-1])
    if "done" in mark:
        return replace(
            expected,
            state=expected.next_state,
            saved=expected.saved | {*mark["saved"]},
            gone=expected.gone | {*mark["gone"]},
            done=(*expected.done, expected.begun),
        )
    state = upcoming.pop()
    return replace(expected, state=state, next_state=state)
