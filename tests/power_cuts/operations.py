"""What a process does to files, as far as a power cut makes a difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that are put into a file. `file` is a number: names come and go."""

    file: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """A file gets another length."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Rename:
    """Names in one directory change at once: a name goes (None), or stands for a file from now on."""

    directory: str
    names: tuple[tuple[str, int | None], ...]


Change: TypeAlias = Write | Resize | Rename
"""What is lost in a power cut, unless it was synced."""


@dataclass(frozen=True, slots=True)
class Sync:
    """fsync or fdatasync of a file, at its end.

    `too_late` are changes of other processes that the sync doesn't hold: they were under way when it began.
    """

    file: int
    too_late: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncDirectory:
    """fsync or fdatasync of a directory: its names are durable then, not what the files hold."""

    directory: str
    too_late: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """What the recorded process told at this place of its trace: what it begins, what it acknowledges."""

    told: Mapping[str, Any]


Operation: TypeAlias = Change | Sync | SyncDirectory | Mark
DIRECTORY = -1
"""Stands for every directory in the place of a file's number."""
