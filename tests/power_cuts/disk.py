"""A disk as SQLite's documentation assumes it, and no kinder.

- A file's bytes and length are durable after fsync of the file. Before it any subset of what was written
  is there, in any order, by sectors of 512 bytes.
- A name (of a new file, a renamed or removed one, a new directory) is durable after fsync of the directory
  that holds it. POSIX promises no more. ext4 and others keep names in order, and make them durable with the
  next fsync of any file: what they can leave is among what this disk can leave.
- A sector is written from one end to the other; a power cut stops that anywhere. Bytes outside of what was
  written stay (SQLite's 'powersafe overwrite').
- A file may have grown without having its bytes: zeros or garbage are there then.
- What was synced stays.
- Whoever writes, it is one disk. A sync holds what had been written before the sync began, by any process;
  what was under way then may be lost (`strace_calls` says how that is known).
- The memory that processes share by a log's index (`-shm`) is gone. The file is anything at all afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.power_cuts.operations import (
    DIRECTORY,
    Change,
    Operation,
    Rename,
    Resize,
    Sync,
    SyncDirectory,
    Write,
)

Image: TypeAlias = dict[str, bytes]
"""The files that are there after a power cut; a directory that is there ends with a slash."""
Filler: TypeAlias = bytes
"""What stands where a file has grown; a block that is repeated."""
ZEROS: Filler = bytes(4096)


@dataclass(frozen=True, slots=True)
class Disk:
    """What is durable, and what is not yet, in order."""

    names: Mapping[str, int]
    files: Mapping[int, bytes]
    pending: tuple[Change, ...] = ()

    def after(self, operation: Operation) -> Disk:
        match operation:
            case Sync(file, too_late):
                its = [one for one in self.pending if _file_of(one) == file]
                return self._settled(its, too_late)
            case SyncDirectory(directory, too_late):
                names = [one for one in self.pending if isinstance(one, Rename)]
                its = [one for one in names if one.directory == directory]
                return self._settled(its, too_late)
            case Write() | Resize() | Rename():
                return Disk(self.names, self.files, (*self.pending, operation))
            case _:
                return self

    def _settled(self, synced: Sequence[Change], too_late: Sequence[Change]) -> Disk:
        late = {id(one) for one in too_late}
        durable = [one for one in synced if id(one) not in late]
        if not durable:
            return self
        draft = _Draft(dict(self.names), self.files)
        draft.apply(durable)
        gone = {id(one) for one in durable}
        left = tuple(one for one in self.pending if id(one) not in gone)
        return Disk(draft.names, draft.contents(), left)

    def image(self, survivors: Iterable[Change], filler: Filler = ZEROS) -> Image:
        """What is there after a power cut of which these changes, whole or in part, are left."""
        draft = _Draft(dict(self.names), self.files, filler)
        draft.apply(survivors)
        return draft.image()


def _file_of(change: Change) -> int | None:
    return None if isinstance(change, Rename) else change.file


@dataclass(slots=True)
class _Draft:
    names: dict[str, int]
    files: Mapping[int, bytes]
    filler: Filler = ZEROS
    changed: dict[int, bytearray] = field(default_factory=dict)

    def apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            match change:
                case Write(file, offset, data):
                    self._grow(file, offset)[offset : offset + len(data)] = data
                case Resize(file, size):
                    del self._grow(file, size)[size:]
                case Rename():
                    self._rename(change)

    def _rename(self, change: Rename) -> None:
        for name, file in change.names:
            if file is None:
                self.names.pop(name, None)
            else:
                self.names[name] = file

    def _grow(self, file: int, size: int) -> bytearray:
        content = self.changed.setdefault(file, bytearray(self.files.get(file, b"")))
        if (missing := size - len(content)) > 0:
            content += (self.filler * (missing // len(self.filler) + 1))[:missing]
        return content

    def contents(self) -> dict[int, bytes]:
        return {**self.files, **{file: bytes(content) for file, content in self.changed.items()}}

    def image(self) -> Image:
        """A file whose directory isn't there can't be found."""
        return {
            path + "/" * (file == DIRECTORY): b"" if file == DIRECTORY else self._content(file)
            for path, file in self.names.items()
            if self._is_reachable(path)
        }

    def _content(self, file: int) -> bytes:
        return bytes(self.changed[file]) if file in self.changed else self.files.get(file, b"")

    def _is_reachable(self, path: str) -> bool:
        parent = path.rpartition("/")[0]
        return (
            self.names.get(parent) == DIRECTORY and self._is_reachable(parent) if parent else True
        )
