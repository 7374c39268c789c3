"""Whatever a power cut leaves of our files: what was acknowledged is there, and the daemon goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.power_cuts.crowds import CROWDS
from tests.power_cuts.cuts import Told, cuts_of, told_by
from tests.power_cuts.images import (
    Case,
    Cuts,
    all_of,
    case_of,
    chosen,
    cuts_of_all,
    failures,
    kept,
    of_story,
    sampled,
)
from tests.power_cuts.operations import Operation, Rename, Sync, SyncDirectory
from tests.power_cuts.oracle import NEW
from tests.power_cuts.recording import Recording
from tests.power_cuts.stories import DATABASE, MODES, arguments
from tests.power_cuts.telling import ALL
from tests.support.broom import place_in_memory
from tests.support.processes import command

pytestmark = pytest.mark.system
IMAGES = 100
"""Of each story of one process, at each change."""
IMAGES_OF_CROWDS = 24
"""Of each story of several: these differ from run to run, each run looks at others."""
NIGHTLY_IMAGES_OF_CROWDS = 2_000
Weakness: TypeAlias = Callable[[Iterable[Operation]], Iterator[Operation]]
EVERY_STORY = pytest.mark.parametrize(
    ("mode", "story"), [(mode, name) for mode in MODES for name in ALL]
)


@pytest.fixture
def place() -> Path:
    return place_in_memory("images")


def told(cases: Iterable[Case], place: Path) -> list[str]:
    """What is wrong, with the command that shows it again."""
    return [str(kept(one)) for one in failures(cases, place)]


@EVERY_STORY
def test_whatever_is_left_is_whole_and_holds_what_was_acknowledged(
    cuts: Cuts, mode: str, story: str, place: Path
) -> None:
    its = of_story(cuts, mode, story)
    is_crowd = story in CROWDS
    cases = sampled(*its, IMAGES_OF_CROWDS, seed=1) if is_crowd else chosen(*its, IMAGES, seed=1)
    assert told(cases, place) == []


@pytest.mark.nightly
@EVERY_STORY
def test_so_is_every_extreme(cuts: Cuts, mode: str, story: str, place: Path) -> None:
    """Of several processes a part: another night has another recording."""
    recording, its = of_story(cuts, mode, story)
    every = all_of({(recording, ""): its})
    some = sampled(recording, its, NIGHTLY_IMAGES_OF_CROWDS, seed=2) if story in CROWDS else every
    assert told(some, place) == []


@EVERY_STORY
def test_each_story_is_cut_where_something_was_acknowledged(
    cuts: Cuts, mode: str, story: str
) -> None:
    """Else nothing would be looked for in the images."""
    _, its = of_story(cuts, mode, story)
    assert its[-1].expected.done


def without_syncs(operations: Iterable[Operation]) -> Iterator[Operation]:
    return (one for one in operations if not isinstance(one, Sync))


def without_names(operations: Iterable[Operation]) -> Iterator[Operation]:
    return (one for one in operations if not isinstance(one, SyncDirectory))


def without_ends(operations: Iterable[Operation]) -> Iterator[Operation]:
    """As with `PRAGMA synchronous = FULL`: where a name has gone, the directory isn't synced."""
    last: Operation | None = None
    for one in operations:
        has_gone = isinstance(last, Rename) and all(file is None for _, file in last.names)
        if not (isinstance(one, SyncDirectory) and has_gone):
            yield one
        if isinstance(one, Rename):
            last = one


def in_order(operations: Iterable[Operation]) -> Iterator[Operation]:
    """As on ext4: whatever is synced, all names are durable with it."""
    directories: set[str] = set()
    for one in operations:
        yield one
        if isinstance(one, Rename):
            directories.add(one.directory)
        if isinstance(one, (Sync, SyncDirectory)):
            yield from map(SyncDirectory, sorted(directories))


def weakened(recording: Recording, story: str, leaves_out: Weakness) -> Sequence[Case]:
    """Everything lost, and everything there, of a story whose process didn't sync all that was synced."""
    (whole,) = [one for one in told_by(recording.operations()) if one.name == story]
    left = Told(story, [*leaves_out(whole.operations)])
    its = [*cuts_of(recording.started(), left)]
    return [case for case in all_of({(recording, ""): its}) if case.choice in ("none", "all")]


@pytest.mark.parametrize(
    ("mode", "story", "weakness", "found"),
    [
        ("wal", "save", without_syncs, "the acknowledged result 100 is lost"),
        ("delete", "save", without_syncs, "the acknowledged result 100 is lost"),
        ("delete", "save", without_ends, "the acknowledged result 100 is lost"),
        ("wal", "record", without_syncs, "the rows are neither those before nor those after"),
        ("wal", "create", without_names, "the acknowledged result 1 is lost"),
        ("wal", "backup", without_syncs, "backup.db is no whole copy"),
        ("wal", "backup", without_names, "the backup was acknowledged, and isn't there"),
        ("delete", "upgrade", without_ends, "the upgrade was acknowledged, and the older"),
        ("wal", "copy", without_syncs, "the copy has other rows"),
        ("wal", "producers", without_syncs, "the acknowledged result 300 is lost"),
        ("delete", "producers", without_ends, "was acknowledged, and is lost"),
        ("wal", "care", without_syncs, "whose erasing was acknowledged, is back"),
        ("wal", "first-saves", without_names, "the acknowledged result 100 is lost"),
        ("wal", "backups", without_names, "the backup 1 was acknowledged, and isn't there"),
    ],
)
def test_a_process_that_syncs_too_little_is_found_out(
    recordings: Mapping[str, Recording],
    mode: str,
    story: str,
    weakness: Weakness,
    found: str,
    place: Path,
) -> None:
    wrong = failures(weakened(recordings[mode], story, weakness), place)
    assert any(found in str(one) for one in wrong)


@pytest.mark.parametrize(
    ("mode", "story", "weakness", "is_lost"),
    [
        ("delete", "save", without_ends, True),
        ("wal", "backup", without_names, True),
        ("wal", "create", without_names, False),
    ],
)
def test_a_disk_that_keeps_names_in_order_loses_less(
    recordings: Mapping[str, Recording],
    mode: str,
    story: str,
    weakness: Weakness,
    is_lost: bool,
    place: Path,
) -> None:
    cases = weakened(recordings[mode], story, lambda whole: in_order(weakness(whole)))
    assert any(failures(cases, place)) == is_lost


@pytest.mark.parametrize(
    "name",
    [
        "wal/producers/12/random:3",
        pytest.param("wal/close/9/random:4", marks=pytest.mark.nightly),
    ],
)
def test_a_process_that_starts_afterwards_finds_it_sound(
    cuts: Cuts, name: str, tmp_path: Path
) -> None:
    """And saves into it: a process of its own, as after a power cut."""
    case = case_of(cuts, name)
    case.write_to(tmp_path)
    file = tmp_path / case.cut.story / DATABASE
    env = os.environ | {
        "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{file}",
        "MLOPS_PROVIDER": "mlflow",
    }
    result = json.dumps(arguments(NEW))
    assert "saved" in command("save", "-", env=env, stdin=result).stdout
    assert command("db", "check", env=env).stdout == f"{file} is sound\n"


@pytest.mark.parametrize("story", ["save", "producers"])
def test_an_images_name_makes_the_same_image_again(cuts: Cuts, story: str, tmp_path: Path) -> None:
    """Also from a recording that was moved."""
    case = case_of(cuts, f"wal/{story}/9/random:7")
    moved = Recording(shutil.copytree(case.recording.home, tmp_path / "moved"), "wal")
    again = case_of(cuts_of_all([moved]), case.name)
    for place, one in (("first", case), ("second", again)):
        one.write_to(tmp_path / place)
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / place / "producers").glob("outbox*")}
        for place in ("first", "second")
    )
    assert first == second
