"""Reads strace's output: what one process did to the files below one place, in order.

What the model of a disk doesn't know is refused, never passed over.
"""

from __future__ import annotations

import json
import os.path
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from tests.power_cuts.operations import (
    DIRECTORY,
    Mark,
    Operation,
    Rename,
    Resize,
    Sync,
    SyncDirectory,
    Write,
)

KNOWN = (
    *("openat", "open", "creat", "close", "dup", "dup2", "dup3", "lseek", "write", "pwrite64"),
    *("ftruncate", "fsync", "fdatasync", "rename", "unlink", "mkdir"),
)
REFUSED = (
    *("writev", "pwritev", "pwritev2", "truncate", "fallocate", "sendfile", "copy_file_range"),
    *("renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlinkat", "mkdirat"),
    *("rmdir", "sync_file_range", "sync", "syncfs", "msync"),
)
"""What changes or syncs files, too, and what neither SQLite nor we do so far."""
OF_NO_CONSEQUENCE = "-shm"
"""The index of a write-ahead log is made anew after a power cut, whatever it holds."""
_MARKS = -2
_CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\w+)")
_OF_A_PROCESS = re.compile(r"^\d+ +(?:\+\+\+|---) ")
"""Exits and signals."""
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_NUMBER = re.compile(r"(?:^|, )(-?\d+)(?=,|$)")
_DECORATION = re.compile(r"<(?:\\x[0-9a-f]{2})*>(?:\(deleted\))?")


class UnknownOperationError(Exception):
    """The process did what the model of a disk doesn't know."""


class _Open:
    """An open file, and where the next `write` goes."""

    def __init__(self, file: int, path: str) -> None:
        self.file, self.path, self.place = file, path, 0


class Reader:
    """Reads one trace of a process without threads.

    `present` are the names that were there before; into `marks`, a file beside the place, the process tells.
    """

    def __init__(self, place: Path, present: Mapping[str, int], marks: str) -> None:
        self._place, self._marks = f"{place}/", str(place.with_name(marks))
        self._open: dict[int, _Open] = {}
        self._pids: set[str] = set()
        self.files = {**present}
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
        for line in lines:
            yield from self._read(line)

    def _read(self, line: str) -> Iterator[Operation]:
        if (call := _CALL.match(line)) is None:
            if _OF_A_PROCESS.match(line):
                return
            raise UnknownOperationError(f"strace says what nobody understands: {line[:200]}")
        if call["result"].startswith("-"):
            return
        self._flags = call["arguments"]
        plain = _DECORATION.sub("", call["arguments"])
        if any(cut for _, cut in _TEXT.findall(plain)):
            raise UnknownOperationError(f"strace cut the text of a {call['name']}")
        texts = [text for text, _ in _TEXT.findall(plain)]
        numbers = [int(number) for number in _NUMBER.findall(_TEXT.sub("", plain))]
        found = [*self._of(call["name"], texts, numbers, call["result"])]
        if found:
            self._pids.add(call["pid"])
        if len(self._pids) > 1:
            raise UnknownOperationError("more than one process or thread changes files")
        yield from found

    def _of(
        self, name: str, texts: list[str], numbers: list[int], result: str
    ) -> Iterator[Operation]:
        if reader := self._readers.get(name):
            yield from reader(texts, numbers, int(result))
        elif self._place in _decoded_paths(self._flags) + "/":
            raise UnknownOperationError(f"the model of a disk has no {name}")

    def _opened(self, texts: list[str], _numbers: list[int], result: int) -> Iterator[Operation]:
        self._open.pop(result, None)
        if _absolute(texts[0]) == self._marks:
            self._open[result] = _Open(_MARKS, self._marks)
        if (path := self._path(texts[0])) is None:
            return
        if "O_TMPFILE" in self._flags or "O_APPEND" in self._flags:
            raise UnknownOperationError(f"{path} was opened in a way that the model doesn't know")
        is_new = path not in self.files
        file = self._number(path)
        self._open[result] = _Open(file, path)
        if path.endswith(OF_NO_CONSEQUENCE):
            return
        if is_new:
            yield Rename(_directory(path), ((path, file),))
        if "O_TRUNC" in self._flags:
            yield Resize(file, 0)

    def _written(self, texts: list[str], numbers: list[int], result: int) -> Iterator[Operation]:
        if (one := self._open.get(numbers[0])) is None:
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
        if one := self._open.get(numbers[0]):
            one.place = result
        yield from ()

    def _cut(self, _texts: list[str], numbers: list[int], _result: int) -> Iterator[Operation]:
        one = self._open.get(numbers[0])
        if one and not one.path.endswith(OF_NO_CONSEQUENCE):
            yield Resize(one.file, numbers[1])

    def _synced(self, _texts: list[str], numbers: list[int], _result: int) -> Iterator[Operation]:
        if one := self._open.get(numbers[0]):
            yield SyncDirectory(one.path) if one.file == DIRECTORY else Sync(one.file)

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
        self._open.pop(numbers[0], None)
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
