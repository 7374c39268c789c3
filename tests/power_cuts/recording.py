"""Records stories by strace, and keeps what each image is rebuilt from: the files before, and the trace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Engine

from fairmind_sync.intake import entries
from fairmind_sync.intake.save import save_all
from fairmind_sync.outbox import deletion
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.storage.engine import open_engine, writing
from fairmind_sync.storage.schema import create_if_missing
from tests.power_cuts.crowds import CROWDS, FEW
from tests.power_cuts.disk import Disk, Image
from tests.power_cuts.operations import DIRECTORY, Operation
from tests.power_cuts.stories import (
    BACKUP,
    BEFORE,
    DATABASE,
    MARKS,
    MODES,
    TARGET,
    arguments,
    mode_of,
)
from tests.power_cuts.strace_calls import SYNCS
from tests.power_cuts.strace_output import KNOWN, OF_NO_CONSEQUENCE, REFUSED, Reader
from tests.power_cuts.telling import ALL, WITHOUT_DATABASE
from tests.support.clock import NOW
from tests.support.older_database import older_database

_CHECKOUT = Path(__file__).parents[2]
_STRACE = (
    *("strace", "--follow-forks", "--quiet=all", "--decode-fds=path", "-xx"),
    *("--string-limit=33554432", "--signal=none", "--seccomp-bpf"),
    f"--trace={','.join((*KNOWN, *REFUSED))}",
    f"--inject={','.join(SYNCS)}:delay_enter=1000",
)
"""A sync takes a millisecond, as on a disk: other processes do something meanwhile."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A directory with the files before (`before`), the files after (`place`), and the trace.

    The directory may be moved: the paths in the trace stay those at which it was recorded.
    """

    home: Path
    mode: str

    @property
    def before(self) -> Path:
        return self.home / "before"

    @property
    def place(self) -> Path:
        return self.home / "place"

    @property
    def trace(self) -> Path:
        return self.home / "trace"

    @property
    def whereabouts(self) -> Path:
        """The file that says where `place` was when it was recorded."""
        return self.home / "recorded-at"

    def started(self) -> Disk:
        """The disk with all that was there before the process started."""
        paths = _paths(self.before)
        files = {number: path for number, path in enumerate(paths) if path.is_file()}
        names = {
            str(path.relative_to(self.before)): number if number in files else DIRECTORY
            for number, path in enumerate(paths)
        }
        return Disk(names, {number: path.read_bytes() for number, path in files.items()})

    def operations(self) -> Sequence[Operation]:
        return _operations(self)


@lru_cache(maxsize=4)
def _operations(recording: Recording) -> Sequence[Operation]:
    recorded_at = Path(recording.whereabouts.read_text(encoding="utf-8"))
    reader = Reader(recorded_at, recording.started().names, MARKS)
    with recording.trace.open(encoding="ascii") as lines:
        return [*reader.operations(lines)]


def record(home: Path, mode: str, names: Sequence[str] = ALL) -> Recording:
    """Records the stories, and makes sure that all of it was understood."""
    recording = Recording(home, mode)
    for name in names:
        _prepare(recording.before / name, name, mode)
    shutil.copytree(recording.before, recording.place)
    recording.whereabouts.write_text(str(recording.place), encoding="utf-8")
    ran = subprocess.run(
        [
            *(*_STRACE, f"--output={recording.trace}", sys.executable, "-m"),
            *("tests.power_cuts.telling", str(recording.place), mode, *names),
        ],
        cwd=_CHECKOUT,
        env=os.environ | {"MLOPS_PROVIDER": "both"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise AssertionError(ran.stderr)
    if lasting(recording.started(), recording.operations()) != contents(recording.place):
        raise AssertionError("the trace doesn't lead to the files that are there")
    return recording


def _prepare(place: Path, name: str, mode: str) -> None:
    """Makes what the story finds, in directories that are there for long."""
    place.mkdir(parents=True)
    for below in (BACKUP, TARGET):
        (place / below).parent.mkdir()
    if name in WITHOUT_DATABASE:
        return
    url = f"sqlite:///{place / DATABASE}"
    with mode_of(_other(mode) if name == "switch" else mode):
        if name == "upgrade":
            with older_database(url):
                return
        engine = open_engine(url)
        create_if_missing(engine)
        _fill(engine, FEW if name in CROWDS else BEFORE, is_roomy=name == "compact")
        engine.dispose()


def _other(mode: str) -> str:
    return next(one for one in MODES if one != mode)


def _fill(engine: Engine, count: int, *, is_roomy: bool) -> None:
    """Puts results in; where the file shall be roomy, most of what was put in is gone again."""
    numbers = range(count * 3 if is_roomy else count)
    prepared = entries.prepare_all([arguments(number) for number in numbers], ())
    save_all(engine, prepared, PROVIDERS)
    with writing(engine) as connection:
        for number in numbers[count:]:
            deletion.delete(connection, f"test-{number}", "user-1", NOW)


def contents(place: Path) -> Image:
    """The files below a place, as a power cut that loses nothing leaves them."""
    return {
        str(path.relative_to(place)) + "/" * path.is_dir(): b""
        if path.is_dir()
        else path.read_bytes()
        for path in _paths(place)
        if not path.name.endswith(OF_NO_CONSEQUENCE)
    }


def put(image: Image, place: Path) -> None:
    """Has the place hold the image and nothing else; a file that was there stays the same file."""
    place.mkdir(parents=True, exist_ok=True)
    for path in reversed(_paths(place)):
        name = str(path.relative_to(place))
        if path.is_dir() and f"{name}/" not in image:
            path.rmdir()
        elif path.is_file() and name not in image:
            path.unlink()
    for name, content in sorted(image.items()):
        path = place / name
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(content)


def lasting(disk: Disk, operations: Iterable[Operation]) -> Image:
    """What is there if nothing is lost."""
    for operation in operations:
        disk = disk.after(operation)
    return disk.image(disk.pending)


def _paths(place: Path) -> list[Path]:
    return sorted(place.rglob("*"))
