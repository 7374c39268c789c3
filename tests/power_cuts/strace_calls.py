"""The calls of a trace, of one process or of several at once, in the order in which they changed files.

strace notes where a call begins, and the process waits until strace has done so; where other processes go on
before the call ends, strace notes that it is unfinished, and later its end. A call changes files where it
begins: whoever has seen the change begins all that he does afterwards later. A sync counts where it ends, and
holds only what had ended before the sync began.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

SYNCS = ("fsync", "fdatasync")
_CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\w+)")
_UNFINISHED = "<unfinished ...>"
_ENDED = re.compile(r"^(?P<pid>\d+) +<\.\.\. \w+ resumed>(?P<rest>.*)$")
_OF_A_PROCESS = re.compile(r"^\d+ +(?:\+\+\+|---) ")
"""Exits and signals."""


class UnknownOperationError(Exception):
    """The process did what the model of a disk doesn't know."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that succeeded; `begun` and `ended` are the lines of the trace that say so."""

    pid: str
    name: str
    arguments: str
    result: int
    begun: int
    ended: int

    @property
    def counts_at(self) -> int:
        return self.ended if self.name in SYNCS else self.begun


@dataclass(slots=True)
class _Trace:
    unfinished: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Of each process the call that it has begun, and where."""

    def calls(self, lines: Iterable[str]) -> Iterator[Call]:
        for number, line in enumerate(lines):
            text = line.rstrip("\n")
            if text.endswith(_UNFINISHED):
                pid, call = text.removesuffix(_UNFINISHED).split(maxsplit=1)
                self.unfinished[pid] = number, call.rstrip(", ")
            elif ended := _ENDED.match(text):
                at, call = self.unfinished.pop(ended["pid"])
                yield from _calls(f"{ended['pid']} {call}{ended['rest']}", at, number)
            else:
                yield from _calls(text, number, number)
        if self.unfinished:
            raise UnknownOperationError(f"calls that don't end: {[*self.unfinished.values()]}")


def _calls(text: str, begun: int, ended: int) -> Iterator[Call]:
    found = _CALL.match(text)
    if found is None:
        if _OF_A_PROCESS.match(text):
            return
        raise UnknownOperationError(f"strace says what nobody understands: {text[:200]}")
    if not found["result"].startswith("-"):
        pid, name, arguments = found["pid"], found["name"], found["arguments"]
        yield Call(pid, name, arguments, int(found["result"], 0), begun, ended)


def calls_in(lines: Iterable[str]) -> list[Call]:
    return sorted(_Trace().calls(lines), key=lambda call: call.counts_at)
