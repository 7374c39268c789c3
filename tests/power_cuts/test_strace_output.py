"""What strace prints, read as what happened to files; what the model doesn't know is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

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
from tests.power_cuts.strace_calls import UnknownOperationError
from tests.power_cuts.strace_output import Reader

PRESENT = {"home": DIRECTORY, "home/there": 5}


def hexed(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def quoted(text: str) -> str:
    return f'"{hexed(text)}"'


def read(*calls: str, pid: str = "7 ") -> list[Operation]:
    reader = Reader(Path("/place"), PRESENT, "marks")
    return [*reader.operations(f"{pid} {call}\n" for call in calls)]


def opened(path: str, flags: str = "O_RDWR", number: int = 3) -> str:
    decoration = f"<{hexed(path)}>"
    return f"openat(AT_FDCWD<{hexed('/')}>, {quoted(path)}, {flags}, 0600) = {number}{decoration}"


THERE = opened("/place/home/there")


def test_a_new_file_is_a_new_name() -> None:
    made = read(opened("/place/home/new", "O_RDWR|O_CREAT"))
    assert made == [Rename("home", (("home/new", 6),))]


def test_what_is_opened_and_was_there_changes_nothing() -> None:
    assert read(opened("/place/home/there", "O_RDWR|O_CREAT")) == []


def test_a_write_is_at_its_offset() -> None:
    assert read(THERE, f"pwrite64(3<{hexed('/x')}>, {quoted('abc')}, 3, 512) = 3") == [
        Write(5, 512, b"abc")
    ]


def test_a_write_without_an_offset_follows_the_one_before() -> None:
    calls = ("lseek(3<>, 100, SEEK_SET) = 100", f"write(3<>, {quoted('ab')}, 2) = 2")
    assert read(THERE, *calls, calls[1]) == [Write(5, 100, b"ab"), Write(5, 102, b"ab")]


def test_of_a_short_write_only_what_was_written_counts() -> None:
    assert read(THERE, f"pwrite64(3<>, {quoted('abc')}, 3, 0) = 2") == [Write(5, 0, b"ab")]


def test_a_call_that_failed_does_nothing() -> None:
    assert read(THERE, "ftruncate(3<>, 0) = -1 EINVAL (Invalid argument)") == []


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        ("ftruncate(3<>, 70) = 0", Resize(5, 70)),
        ("fdatasync(3<>) = 0", Sync(5)),
        ("fsync(3<>) = 0", Sync(5)),
        (f"unlink({quoted('/place/home/there')}) = 0", Rename("home", (("home/there", None),))),
        (
            f"rename({quoted('/place/home/there')}, {quoted('/place/home/new')}) = 0",
            Rename("home", (("home/there", None), ("home/new", 5))),
        ),
        (f"mkdir({quoted('/place/more')}, 0700) = 0", Rename("", (("more", DIRECTORY),))),
    ],
)
def test_each_call_is_understood(call: str, operation: Operation) -> None:
    assert read(THERE, call) == [operation]


def test_a_directory_is_synced_as_such() -> None:
    assert read(opened("/place/home"), "fsync(3<>) = 0") == [SyncDirectory("home")]


def test_what_happens_elsewhere_is_passed_over() -> None:
    elsewhere = opened("/elsewhere/home/there", "O_RDWR|O_CREAT")
    assert read(elsewhere, f"write(3<>, {quoted('ab')}, 2) = 2", "fsync(3<>) = 0") == []


def test_a_closed_descriptor_is_another_file_later() -> None:
    calls = ("close(3<>) = 0", f"write(3<>, {quoted('ab')}, 2) = 2")
    assert read(THERE, *calls) == []


def test_the_index_of_the_log_is_passed_over() -> None:
    index = opened("/place/home/there-shm", "O_RDWR|O_CREAT")
    assert read(index, "ftruncate(3<>, 3) = 0") == []


def test_what_the_process_tells_stands_among_what_it_does() -> None:
    told = f"write(4<>, {quoted('{}')}, 2) = 2"
    assert read(THERE, opened("/marks", number=4), told, "fsync(3<>) = 0") == [Mark({}), Sync(5)]


@pytest.mark.parametrize(
    "call",
    [
        f"pwritev(3<{hexed('/place/home/there')}>, [], 1, 0) = 3",
        f"sync_file_range(3<{hexed('/place/home/there')}>, 0, 0, 0) = 0",
        f"link({quoted('/place/home/there')}, {quoted('/place/home/new')}) = 0",
        f"rename({quoted('/place/home/there')}, {quoted('/place/there')}) = 0",
        f"rename({quoted('/place/home/there')}, {quoted('/elsewhere')}) = 0",
        opened("/place/home/there", "O_WRONLY|O_APPEND"),
        f"write(3<>, {quoted('abc')}..., 5000) = 5000",
        "write(3<>,  <unfinished ...>",
    ],
)
def test_what_the_model_does_not_know_is_refused(call: str) -> None:
    with pytest.raises(UnknownOperationError):
        read(THERE, call)


def of_processes(*lines: str) -> list[Operation]:
    return [*Reader(Path("/place"), PRESENT, "marks").operations(lines)]


def telling(pid: int) -> str:
    return f"{pid} {opened(f'/marks-{pid}', number=9)}"


def test_a_second_process_that_tells_nothing_is_refused() -> None:
    lines = (telling(7), f"7 {THERE}", f"8 {THERE}", "7 fsync(3<>) = 0", "8 fsync(3<>) = 0")
    with pytest.raises(UnknownOperationError, match="second process"):
        of_processes(*lines)


def test_each_process_has_files_of_its_own() -> None:
    other = opened("/place/home/new", "O_RDWR|O_CREAT")
    calls = (f"7 {THERE}", f"8 {other}", "7 fsync(3<>) = 0", "8 fsync(3<>) = 0")
    assert of_processes(telling(7), telling(8), *calls)[1:] == [Sync(5), Sync(6)]


def test_a_file_that_another_process_has_opened_is_refused() -> None:
    """A forked process could share it."""
    lines = (f"7 {THERE}", f"8 fsync(3<{hexed('/place/home/there')}>) = 0")
    with pytest.raises(UnknownOperationError, match="another process"):
        of_processes(*lines)


WRITE = f"pwrite64(3<>, {quoted('abc')}, 3, 0"
TWO = (telling(7), telling(8), f"7 {THERE}", f"8 {THERE}")


def test_what_others_do_meanwhile_comes_after_a_call_that_began_before() -> None:
    others = f"8 pwrite64(3<>, {quoted('x')}, 1, 70) = 1"
    lines = (f"7 {WRITE} <unfinished ...>", others, "7 <... pwrite64 resumed>) = 3")
    assert of_processes(*TWO, *lines) == [Write(5, 0, b"abc"), Write(5, 70, b"x")]


def test_a_sync_counts_when_it_ends_and_holds_what_had_ended_before_it() -> None:
    early = f"8 pwrite64(3<>, {quoted('x')}, 1, 70) = 1"
    lines = (early, "7 fsync(3<> <unfinished ...>", f"8 {WRITE}) = 3", "7 <... fsync resumed>) = 0")
    late = Write(5, 0, b"abc")
    assert of_processes(*TWO, *lines) == [Write(5, 70, b"x"), late, Sync(5, (late,))]


def test_a_sync_does_not_hold_what_was_under_way_when_it_began() -> None:
    lines = (f"8 {WRITE} <unfinished ...>", "7 fsync(3<>) = 0", "8 <... pwrite64 resumed>) = 3")
    late = Write(5, 0, b"abc")
    assert of_processes(*TWO, *lines) == [late, Sync(5, (late,))]


def test_a_number_of_five_digits_is_a_process_too() -> None:
    assert read(THERE, "fsync(3<>) = 0", pid="12345") == [Sync(5)]
