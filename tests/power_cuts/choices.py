"""Which of the changes that were not synced a power cut leaves: extremes, one by one, and at random.

A choice is a word. The same word chooses the same of the same changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from tests.power_cuts.disk import ZEROS, Disk, Filler, Image
from tests.power_cuts.operations import Change, Rename, Write

SECTOR, PAGE = 512, 4096
_WHOLE = 1 << 40
_SHARES = (0.05, 0.3, 0.5, 0.7, 0.95)


def extremes(count: int) -> Iterator[str]:
    """Of `count` changes none or all; only what the process did first; all but one; one alone; one torn."""
    yield from ("none", "all")
    for place in range(count):
        for kind in ("first", "lost", "only", "head", "tail"):
            yield f"{kind}:{place}"


def image_of(disk: Disk, choice: str) -> Image:
    kind, _, number = choice.partition(":")
    chance = Random(choice)
    if kind == "random":
        return disk.image(_at_random(disk.pending, chance), _filler(chance))
    return disk.image(_one_by_one(disk.pending, kind, int(number or 0), chance))


def _one_by_one(
    pending: Sequence[Change], kind: str, place: int, chance: Random
) -> Sequence[Change]:
    before, one, after = pending[:place], pending[place : place + 1], pending[place + 1 :]
    match kind:
        case "none":
            return ()
        case "all":
            return pending
        case "first":
            return before
        case "lost":
            return (*before, *after)
        case "only":
            return one
        case "head" | "tail":
            return (*before, *(_torn(change, kind, chance) for change in one), *after)
    raise ValueError(kind)


def _torn(change: Change, end: str, chance: Random) -> Change:
    """One end of what was written; a name and a length change whole."""
    if not isinstance(change, Write) or len(change.data) < 2:
        return change
    cut = chance.randrange(1, len(change.data))
    if end == "head":
        return replace(change, data=change.data[:cut])
    return Write(change.file, change.offset + cut, change.data[cut:])


def _at_random(pending: Sequence[Change], chance: Random) -> Iterator[Change]:
    share, grain = chance.choice(_SHARES), chance.choice((_WHOLE, PAGE, SECTOR, SECTOR))
    share_of_names = chance.choice((0.0, 0.5, 1.0, 1.0))
    for change in pending:
        if not isinstance(change, Write):
            if chance.random() < (share_of_names if isinstance(change, Rename) else share):
                yield change
            continue
        for piece in _pieces(change, grain):
            if chance.random() < share:
                yield piece
            elif (fate := chance.random()) < 0.1:
                yield _torn(piece, chance.choice(("head", "tail")), chance)
            elif fate < 0.2:
                yield Write(piece.file, piece.offset + len(piece.data), b"")  # grown, not filled


def _pieces(change: Write, grain: int) -> Iterator[Write]:
    """The parts of a write that are in different sectors or pages."""
    start, end = change.offset, change.offset + len(change.data)
    while start < end:
        stop = min(end, (start // grain + 1) * grain)
        yield Write(change.file, start, change.data[start - change.offset : stop - change.offset])
        start = stop


def _filler(chance: Random) -> Filler:
    return chance.choice((ZEROS, chance.randbytes(PAGE)))
