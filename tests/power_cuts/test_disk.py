"""The model of a disk, and what is chosen of that which is not durable."""

from __future__ import annotations

import pytest

from tests.power_cuts.choices import extremes, image_of
from tests.power_cuts.disk import Disk, Image
from tests.power_cuts.operations import (
    DIRECTORY,
    Operation,
    Rename,
    Resize,
    Sync,
    SyncDirectory,
    Write,
)

OLD, NEW = b"o" * 2048, b"n" * 2048
HELD = Disk({"file": 1}, {1: OLD})


def after(*operations: Operation, disk: Disk = HELD) -> Disk:
    for operation in operations:
        disk = disk.after(operation)
    return disk


def left(disk: Disk) -> Image:
    """What is there if all that is not durable is lost."""
    return disk.image(())


def test_what_was_not_synced_is_lost() -> None:
    assert left(after(Write(1, 0, NEW))) == {"file": OLD}


def test_what_was_synced_stays() -> None:
    assert left(after(Write(1, 0, NEW), Sync(1), Write(1, 0, OLD))) == {"file": NEW}


def test_a_sync_of_another_file_keeps_nothing() -> None:
    assert left(after(Write(1, 0, NEW), Sync(2))) == {"file": OLD}


def test_a_sync_that_a_write_was_too_late_for_does_not_keep_it() -> None:
    early, late = Write(1, 0, NEW[:512]), Write(1, 512, NEW[:512])
    assert left(after(early, late, Sync(1, (late,))))["file"][:1024] == NEW[:512] + OLD[:512]


def test_a_length_is_synced_with_its_file() -> None:
    assert left(after(Resize(1, 3), Sync(1))) == {"file": b"ooo"}


def test_a_synced_file_without_its_name_is_lost() -> None:
    made = after(Rename("", (("new", 2),)), Write(2, 0, NEW), Sync(2))
    assert left(made) == {"file": OLD}
    assert left(after(SyncDirectory(""), disk=made)) == {"file": OLD, "new": NEW}


def test_a_name_can_be_durable_before_what_the_file_holds() -> None:
    made = after(Rename("", (("new", 2),)), Write(2, 0, NEW), SyncDirectory(""))
    assert left(made)["new"] == b""


def test_a_name_that_was_too_late_for_a_sync_is_not_kept() -> None:
    late = Rename("", (("new", 2),))
    assert left(after(late, SyncDirectory("", (late,)))) == {"file": OLD}


def test_a_file_is_renamed_at_once() -> None:
    renamed = after(Rename("", (("file", None), ("other", 1))))
    assert left(renamed) == {"file": OLD}
    assert renamed.image(renamed.pending) == {"other": OLD}


def test_a_removed_file_comes_back() -> None:
    assert left(after(Rename("", (("file", None),)))) == {"file": OLD}


def test_a_file_in_a_directory_that_is_lost_is_lost() -> None:
    made = (
        Rename("", (("home", DIRECTORY),)),
        Rename("home", (("home/new", 2),)),
        SyncDirectory("home"),
    )
    assert left(after(*made)) == {"file": OLD}
    assert left(after(*made, SyncDirectory(""))) == {"file": OLD, "home/": b"", "home/new": b""}


def test_a_write_behind_the_end_leaves_a_gap() -> None:
    assert left(after(Write(1, 2050, b"x"), Sync(1))) == {"file": OLD + b"\0\0x"}


TWO = after(Write(1, 0, b"first"), Write(1, 512, b"second"))


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ("none", (b"o", b"o")),
        ("all", (b"f", b"s")),
        ("first:1", (b"f", b"o")),
        ("lost:0", (b"o", b"s")),
        ("only:0", (b"f", b"o")),
    ],
)
def test_an_extreme_leaves_what_its_name_says(choice: str, found: tuple[bytes, bytes]) -> None:
    held = image_of(TWO, choice)["file"]
    assert (held[:1], held[512:513]) == found


@pytest.mark.parametrize(
    ("choice", "first", "last"), [("head:0", b"n", b"o"), ("tail:0", b"o", b"n")]
)
def test_a_torn_write_has_one_end(choice: str, first: bytes, last: bytes) -> None:
    held = image_of(after(Write(1, 0, NEW)), choice)["file"]
    assert (held[:1], held[-1:]) == (first, last)


def test_each_change_is_lost_once() -> None:
    assert [one for one in extremes(2) if one.startswith("lost")] == ["lost:0", "lost:1"]


def at_random() -> list[bytes]:
    disk = after(Write(1, 0, NEW))
    return [image_of(disk, f"random:{seed}")["file"] for seed in range(200)]


def test_chance_tears_at_sectors_and_within_them() -> None:
    cuts = {len(held) - len(held.lstrip(b"n")) for held in at_random()}
    assert {512, 1024, 2048} < cuts
    assert {cut % 512 for cut in cuts} != {0}


def test_bytes_that_were_not_written_stay() -> None:
    disk = after(Write(1, 100, b"n" * 900))
    for seed in range(200):
        held = image_of(disk, f"random:{seed}")["file"]
        assert (held[:100], held[1000:]) == (OLD[:100], OLD[1000:])


def test_a_file_that_has_grown_may_end_in_garbage() -> None:
    disk = after(Write(1, 2048, NEW))
    held = {image_of(disk, f"random:{seed}")["file"][2048:] for seed in range(200)}
    assert {one[-1:] for one in held} - {b"", b"n", b"\0"}
