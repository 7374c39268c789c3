"""Names of new files and directories are made durable; tests/power_cuts/ shows what is lost otherwise."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fairmind_sync.errors import StorageError
from fairmind_sync.storage import sqlite_place


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What our own code makes durable; SQLite's is its own."""
    found: list[Path] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    return found


def test_the_names_of_a_new_database_are_made_durable(synced: list[Path], tmp_path: Path) -> None:
    sqlite_place.prepare_place(tmp_path / "new" / "newer" / "there.db")
    assert {*synced} >= {tmp_path, tmp_path / "new", tmp_path / "new" / "newer"}


def test_directories_that_another_has_made_are_made_durable(
    synced: list[Path], tmp_path: Path
) -> None:
    """It may be about to sync them, or was killed before it did."""
    (tmp_path / "new" / "newer").mkdir(parents=True)
    sqlite_place.prepare_place(tmp_path / "new" / "newer" / "there.db")
    assert {*synced} >= {tmp_path, tmp_path / "new", tmp_path / "new" / "newer"}


def test_a_file_that_another_has_made_is_made_durable(synced: list[Path], tmp_path: Path) -> None:
    (tmp_path / "there.db").touch()
    sqlite_place.prepare_place(tmp_path / "there.db")
    assert tmp_path in synced


def test_what_somebody_has_written_to_is_not_synced_again(
    synced: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "there.db").write_bytes(b"whoever wrote it has synced its name before")
    sqlite_place.prepare_place(tmp_path / "there.db")
    assert synced == []


def test_another_disk_s_directories_are_left_alone(
    synced: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == tmp_path)
    sqlite_place.prepare_place(tmp_path / "new" / "there.db")
    assert {*synced} == {tmp_path, tmp_path / "new"}


def failing(code: int) -> Callable[[int], None]:
    def fail(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_a_file_system_that_syncs_no_directories_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))
    sqlite_place.prepare_place(tmp_path / "new" / "there.db")
    assert (tmp_path / "new" / "there.db").exists()


def test_a_directory_that_we_may_not_read_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """We may be root, whom no mode holds back."""
    open_, refused = os.open, tmp_path

    def refusing(path: Path, flags: int, mode: int = 0o777) -> int:
        if path == refused:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return open_(path, flags, mode)

    monkeypatch.setattr(os, "open", refusing)
    sqlite_place.prepare_place(tmp_path / "new" / "there.db")
    assert (tmp_path / "new" / "there.db").exists()


def test_a_disk_that_fails_to_keep_a_name_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(StorageError, match="Input/output error"):
        sqlite_place.prepare_place(tmp_path / "new" / "there.db")
