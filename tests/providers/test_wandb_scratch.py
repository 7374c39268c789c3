"""The directory in which W&B's SDK leaves its files."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fairmind_sync import temporary_files
from fairmind_sync.errors import ProviderBlockedError, ProviderBrokenError
from fairmind_sync.providers.wandb import scratch
from fairmind_sync.providers.wandb.scratch import SETTINGS, clear, private_directory, require_room
from tests.support.ending import ending_with_parent

_HOLDER = """
import sys
from fairmind_sync.providers.wandb.scratch import private_directory
print(private_directory(), flush=True)
sys.stdin.read()
"""
_ELSEWHERE = ("unshare", "--pid", "--fork", "--kill-child")
"""Begins a command line whose processes have ids that nobody outside knows, as in a container."""


@contextmanager
def holder(shared: Path, *inside: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another worker with the same directory of temporary files, and its private directory."""
    with subprocess.Popen(
        [*ending_with_parent(), *inside, sys.executable, "-c", _HOLDER],
        env={"TMPDIR": str(shared), "PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of temporary files, which this process shares with others."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_a_core_left_is_removed_and_what_the_process_keeps_stays(tmp_path: Path) -> None:
    for name in ("wandb/logs", "team/project/run-1", "tmp1-wandb-media"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "wandb" / "logs" / "core-debug.log").write_text("words")
    clear(tmp_path)
    assert [left.name for left in tmp_path.iterdir()] == ["tmp1-wandb-media"]


def test_the_settings_stay_for_the_next_wandb_core(tmp_path: Path) -> None:
    kept, left = tmp_path / SETTINGS / "settings", tmp_path / "wandb" / "run"
    for file in (kept, left):
        file.parent.mkdir()
        file.write_text("")
    clear(tmp_path)
    assert (kept.exists(), left.exists()) == (True, False)


def test_only_the_owner_may_enter_a_private_directory(shared: Path) -> None:
    made = private_directory()
    assert (made.parent, made.name[:18]) == (shared, "fairmind-sync-sdk-")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_directory_stays_while_its_worker_lives(shared: Path) -> None:
    with holder(shared) as (_, held):
        private_directory()
        assert held.is_dir()


def test_a_directory_stays_while_its_worker_lives_in_another_container(shared: Path) -> None:
    if subprocess.run([*_ELSEWHERE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make a namespace of process ids")
    with holder(shared) as (_, held), holder(shared, *_ELSEWHERE) as (_, other):
        assert (held.is_dir(), other.is_dir()) == (True, True)


def test_what_a_killed_worker_left_is_removed(shared: Path) -> None:
    with holder(shared) as (process, left):
        process.kill()
        process.wait()
        assert left.is_dir()
        private_directory()
        assert not left.exists()


def test_an_ended_worker_leaves_nothing(shared: Path) -> None:
    with holder(shared) as (process, made):
        process.communicate("")
        assert not made.exists()


def test_what_nobody_holds_is_removed_and_what_somebody_holds_stays(shared: Path) -> None:
    names = [f"{scratch._PREFIX}{name}" for name in ("left", "held")] + ["another"]
    left, held, another = (shared / name for name in names)
    for place in (left, held, another):
        (place / "wandb").mkdir(parents=True)
    lock = scratch._locked(held)
    try:
        private_directory()
    finally:
        os.close(lock)
    assert [place.exists() for place in (left, held, another)] == [False, True, True]


def test_only_the_lock_of_the_new_directory_stays_open(shared: Path) -> None:
    def directories() -> list[str]:
        found = Path("/proc/self/fd").iterdir()
        return [str(one.readlink()) for one in [*found] if one.is_dir()]

    for name in ("left", "other"):
        (shared / f"{scratch._PREFIX}{name}").mkdir()
    held = scratch._locked(shared / f"{scratch._PREFIX}other")
    before = directories()
    made = private_directory()
    assert sorted(directories()) == sorted([*before, str(made)])
    os.close(held)


def test_a_directory_goes_when_the_process_ends(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered: list[Any] = []
    monkeypatch.setattr(
        atexit, "register", lambda *words, **given: registered.append((words, given))
    )
    made = private_directory()
    assert registered == [((shutil.rmtree, made), {"ignore_errors": True})]


def test_what_can_not_be_removed_holds_nobody_back(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rmtree(_place: Path, *, ignore_errors: bool) -> None:
        if not ignore_errors:
            raise PermissionError

    (shared / f"{scratch._PREFIX}left").mkdir()
    monkeypatch.setattr(shutil, "rmtree", rmtree)
    clear(shared)
    assert private_directory().is_dir()


def test_a_link_of_such_a_name_is_left_alone(shared: Path) -> None:
    (shared / "precious").mkdir()
    link = shared / f"{scratch._PREFIX}link"
    link.symlink_to(shared / "precious")
    private_directory()
    assert (shared / "precious").is_dir()


def test_a_directory_that_somebody_removes_while_it_is_made_is_made_again(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = scratch._locked, []

    def remove_the_first(directory: Path) -> int:
        made.append(directory)
        if len(made) == 1:
            shutil.rmtree(directory)
        return real(directory)

    monkeypatch.setattr(scratch, "_locked", remove_the_first)
    assert private_directory() == made[1]


def test_where_there_are_no_locks_a_directory_is_used_and_none_is_removed(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _how: int) -> None:
        raise OSError(37, "No locks available")

    (shared / f"{scratch._PREFIX}other").mkdir()
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert {private_directory().name, f"{scratch._PREFIX}other"} == {
        one.name for one in shared.iterdir()
    }


def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary_files, "free_bytes", lambda _directory: 0)


def test_without_room_for_files_a_worker_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    no_room(monkeypatch)
    with pytest.raises(ProviderBlockedError, match=r"W&B's SDK needs room .* set TMPDIR to"):
        private_directory()


def test_without_room_for_files_a_running_worker_is_blocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_room(tmp_path)
    monkeypatch.setattr(
        temporary_files, "free_bytes", lambda place: 0 if place == tmp_path else 1e9
    )
    with pytest.raises(ProviderBlockedError, match="only 0 MB are free"):
        require_room(tmp_path)


def test_a_worker_whose_directory_is_gone_makes_way_for_another(tmp_path: Path) -> None:
    with pytest.raises(ProviderBrokenError, match="is gone"):
        require_room(tmp_path / "gone")
