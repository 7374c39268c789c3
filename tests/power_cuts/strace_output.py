"""Reads strace's output: what the recorded processes did to the files below one place, in order.

What the model of a disk doesn't know is refused, never passed over.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from tests.power_cuts.operations import (
    DIRECTORY,
    Change,
    Mark,
    Operation,
    Rename,
    Resize,
    Sync,
    SyncDirectory,
    Write,
)
from tests.power_cuts.strace_calls import SYNCS, Call, UnknownOperationError, calls_in

KNOWN = (
    *("openat", "open", "creat", "close", "dup", "dup2", "dup3", "lseek", "write", "pwrite64"),
    *("ftruncate", *SYNCS, "rename", "unlink", "mkdir"),
)
REFUSED = (
    *("writev", "pwritev", "pwritev2", "truncate", "fallocate", "sendfile", "copy_file_range"),
    *("renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlinkat", "mkdirat"),
    *("rmdir", "sync_file_range", "sync", "syncfs", "msync"),
)
"""What changes or syncs files, too, and what neither SQLite nor we do so far."""
OF_NO_CONSEQUENCE = "-shm"
"""The index of a write-ahead log is made anew after a power cut, whatever it holds.

Processes share it as memory (mmap), so that a trace has nothing of what they write into it. Nothing needs it:
whoever opens the database first after a power cut makes the index from the log.
"""
_MARKS = -2
_TEXT = re.compile(r'"([\\x0-9a-f]*)"(\.\.\.)?')
_NUMBER = re.compile(r"(?:^|, )(-?\d+)(?=,|$)")
_DECORATION = re.compile(r"<[\\x0-9a-f]*>(?:\(deleted\))?")
_Key: TypeAlias = tuple[str, int]
"""A process, and the number of an open file in it."""


class _Open:
    """An open file, and where the next `write` goes."""

    def __init__(self, file: int, path: str) -> None:
        self.file, self.path, self.place = file, path, 0


class Reader:
    """Reads one trace of processes without threads.

    `present` are the names that were there before. `marks` is what the names of the files begin with, beside
    the place, into which the processes tell; of several processes each has to.
    """

    def __init__(self, place: Path, present: Mapping[str, int], marks: str) -> None:
        self._place, self._marks = f"{place}/", str(place.with_name(marks))
        self._hexed = "".join(f"\\x{byte:02x}" for byte in os.fsencode(place))
        self._open: dict[_Key, _Open] = {}
        self._changing: set[str] = set()
        self._telling: set[str] = set()
        self._changes: list[tuple[int, Change]] = []
        self._ended = -1
        self.files = {"": DIRECTORY, **present}
        self._next = max(present.values(), default=0) + 1
        self._readers: dict[str, Callable[[list[str], list[int], int], Iterator[Operation]]] = {
            "openat": self._opened,
            "open": self._opened,
            "creat": self._opened,
            "write": self._written,
            "pwrite64": self._written,
            "lseek": self._sought,
            "ftruncate": self._cut,
            "fsync": self._synced,
            "fdatasync": self._synced,
            "rename": self._renamed,
            "unlink": self._unlinked,
            "mkdir": self._made,
            "close": self._closed,
        }

    def operations(self, lines: Iterable[str]) -> Iterator[Operation]:
        for call in calls_in(lines):
            yield from self._read(call)

    def _read(self, call: Call) -> Iterator[Operation]:
        self._call = call
        plain = _DECORATION.sub("", call.arguments)
        quoted = _TEXT.findall(plain)
        if any(cut for _, cut in quoted):
            raise UnknownOperationError(f"strace cut the text of a {call.name}")
        texts = [text for text, _ in quoted]
        numbers = [int(number) for number in _NUMBER.findall(_TEXT.sub("", plain))]
        found = [*self._of(call.name, texts, numbers, call.result)]
        if found:
            self._changing.add(call.pid)
        if len(self._changing) > 1 and not self._changing <= self._telling:
            raise UnknownOperationError("a second process or thread, which tells nothing")
        self._remember([one for one in found if isinstance(one, Change)])
        yield from found

    def _of(
        self, name: str, texts: list[str], numbers: list[int], result: int
    ) -> Iterator[Operation]:
        if reader := self._readers.get(name):
            yield from reader(texts, numbers, result)
        elif self._is_below(self._call.arguments):
            raise UnknownOperationError(f"the model of a disk has no {name}")

    def _remember(self, changes: Sequence[Change]) -> None:
        self._changes += [(self._call.ended, one) for one in changes]
        if changes:
            self._ended = max(self._ended, self._call.ended)

    def _too_late(self) -> tuple[Change, ...]:
        """What had not ended when the sync began that ends now."""
        begun = self._call.begun
        if self._ended < begun:
            return ()
        return tuple(one for ended, one in self._changes if ended > begun)

    def _file_at(self, number: int) -> _Open | None:
        """An open file; None for one elsewhere."""
        found = self._open.get((self._call.pid, number))
        if found is None and self._is_below(self._call.arguments):
            raise UnknownOperationError(f"a file that another process has opened: {number}")
        return found

    def _is_below(self, arguments: str) -> bool:
        return self._hexed in arguments and self._place in _decoded_paths(arguments) + "/"

    def _opened(self, texts: list[str], _numbers: list[int], result: int) -> Iterator[Operation]:
        key, flags = (self._call.pid, result), self._call.arguments
        self._open.pop(key, None)
        if _absolute(texts[0]).startswith(self._marks):
            self._open[key] = _Open(_MARKS, self._marks)
            self._telling.add(self._call.pid)
        if (path := self._path(texts[0])) is None:
            return
        if "O_TMPFILE" in flags or "O_APPEND" in flags:
            raise UnknownOperationError(f"{path} was opened in a way that the model doesn't know")
        is_new = path not in self.files
        file = self._number(path)
        self._open[key] = _Open(file, path)
        if path.endswith(OF_NO_CONSEQUENCE):
            return
        if is_new:
            yield Rename(_directory(path), ((path, file),))
        if "O_TRUNC" in flags:
            yield Resize(file, 0)

    def _written(self, texts: list[str], numbers: list[int], result: int) -> Iterator[Operation]:
        if (one := self._file_at(numbers[0])) is None:
            return
        data = _bytes(texts[0])[:result]
        if one.file == _MARKS:
            yield Mark(json.loads(data))
            return
        has_offset = len(numbers) == 3
        offset = numbers[2] if has_offset else one.place
        if not has_offset:
            one.place += result
        if not one.path.endswith(OF_NO_CONSEQUENCE):
            yield Write(one.file, offset, data)

    def _sought(self, _texts: list[str], numbers: list[int], result: int) -> Iterator[Operation]:
        if one := self._file_at(numbers[0]):
            one.place = result
        yield from ()

    def _cut(self, _texts: list[str], numbers: list[int], _result: int) -> Iterator[Operation]:
        one = self._file_at(numbers[0])
        if one and not one.path.endswith(OF_NO_CONSEQUENCE):
            yield Resize(one.file, numbers[1])

    def _synced(self, _texts: list[str], numbers: list[int], _result: int) -> Iterator[Operation]:
        if (one := self._file_at(numbers[0])) is None:
            return
        late = self._too_late()
        yield SyncDirectory(one.path, late) if one.file == DIRECTORY else Sync(one.file, late)

    def _renamed(self, texts: list[str], _numbers: list[int], _result: int) -> Iterator[Operation]:
        old, new = (self._path(text) for text in texts)
        if old is None and new is None:
            return
        if old is None or new is None or _directory(old) != _directory(new):
            raise UnknownOperationError(f"{old} was moved to another directory: {new}")
        file = self.files[new] = self.files.pop(old)
        yield Rename(_directory(old), ((old, None), (new, file)))

    def _unlinked(self, texts: list[str], _numbers: list[int], _result: int) -> Iterator[Operation]:
        if path := self._path(texts[0]):
            self.files.pop(path)
            if not path.endswith(OF_NO_CONSEQUENCE):
                yield Rename(_directory(path), ((path, None),))

    def _made(self, texts: list[str], _numbers: list[int], _result: int) -> Iterator[Operation]:
        if path := self._path(texts[0]):
            self.files[path] = DIRECTORY
            yield Rename(_directory(path), ((path, DIRECTORY),))

    def _closed(self, _texts: list[str], numbers: list[int], _result: int) -> Iterator[Operation]:
        self._open.pop((self._call.pid, numbers[0]), None)
        yield from ()

    def _number(self, path: str) -> int:
        if path not in self.files:
            self.files[path] = self._next
            self._next += 1
        return self.files[path]

    def _path(self, text: str) -> str | None:
        """The path below the place, empty for the place itself; None for a path elsewhere."""
        path = _absolute(text) + "/"
        return path[len(self._place) : -1] if path.startswith(self._place) else None


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _absolute(text: str) -> str:
    return os.path.normpath(os.fsdecode(_bytes(text)))


def _directory(path: str) -> str:
    return path.rpartition("/")[0]


def _decoded_paths(arguments: str) -> str:
    return " ".join(
        os.fsdecode(_bytes(text)) for text in re.findall(r"(?:\\x[0-9a-f]{2})+", arguments)
    )
