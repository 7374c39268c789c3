"""Where a database may be, and who may read it."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import StorageError
from fairmind_sync.storage import sqlite_place
from fairmind_sync.storage.engine import open_engine, reading
from tests.support.deliveries import save


@pytest.fixture
def opened(empty_database_url: str) -> Callable[[], Engine]:
    return lambda: open_engine(empty_database_url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where `empty_database_url` puts the database."""
    return tmp_path / "database" / "fairmind-sync.db"


def test_only_the_owner_may_read_the_database(engine: Engine, file: Path) -> None:
    save(engine, "mlflow")
    modes = {stat.S_IMODE(part.stat().st_mode) for part in file.parent.iterdir()}
    assert modes == {0o600}


def test_only_the_owner_may_enter_the_directory(engine: Engine, file: Path) -> None:
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_directory_that_was_there_keeps_its_mode(
    opened: Callable[[], Engine], file: Path
) -> None:
    file.parent.mkdir(mode=0o755)
    opened()
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o755


def test_a_path_that_is_a_directory_is_refused_with_advice(
    opened: Callable[[], Engine], file: Path
) -> None:
    file.mkdir(parents=True)
    with pytest.raises(StorageError, match="is a directory: name a file in FAIRMIND_SYNC_DATABASE"):
        opened()


def test_an_unwritable_place_is_refused_with_advice(
    opened: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StorageError, match=r"Permission denied. Set FAIRMIND_SYNC_DATABASE_URL"):
        opened()


def test_a_place_below_a_file_is_refused_with_advice(
    opened: Callable[[], Engine], file: Path
) -> None:
    file.parent.write_text("no directory")
    with pytest.raises(StorageError, match="Set FAIRMIND_SYNC_DATABASE_URL"):
        opened()


def test_a_file_that_is_no_database_is_refused(opened: Callable[[], Engine], file: Path) -> None:
    file.parent.mkdir()
    file.write_text("a letter to my aunt, long enough to hold a header" * 20)
    with pytest.raises(StorageError, match="is not a database"), reading(opened()):
        pass


def mount(monkeypatch: pytest.MonkeyPatch, table: Path, *lines: str) -> None:
    """Makes the system tell these mounts."""
    table.write_text("".join(f"{line} rw 0 0\n" for line in lines))
    real = sqlite_place._file_system_of
    monkeypatch.setattr(
        sqlite_place, "_file_system_of", lambda directory, _mounts: real(directory, table)
    )


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "lustre", "gpfs", "fuse.sshfs", "9p"])
def test_a_network_file_system_is_refused_with_advice(
    opened: Callable[[], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mount(monkeypatch, tmp_path / "mounts", "/dev/sda1 / ext4", f"server:/home {tmp_path} {kind}")
    with pytest.raises(StorageError, match=rf"network file system \({kind}\).*to a local disk"):
        opened()


def test_a_link_into_a_network_file_system_is_refused(
    opened: Callable[[], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    (tmp_path / "home").mkdir()
    file.parent.symlink_to(tmp_path / "home")
    mount(monkeypatch, tmp_path / "mounts", f"server:/home {tmp_path / 'home'} nfs")
    with pytest.raises(StorageError, match="network file system"):
        opened()


def test_a_local_disk_below_a_network_file_system_is_taken(
    opened: Callable[[], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    place = file.parent
    mount(monkeypatch, tmp_path / "mounts", "server:/ / nfs", f"/dev/sda1 {place} ext4")
    assert opened().url.database == str(file)


def test_a_mount_point_with_a_space_is_found(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    table.write_text("/dev/sda1 / ext4 rw 0 0\nserver:/x /my\\040home nfs rw 0 0\n")
    assert sqlite_place._file_system_of(Path("/my home/data"), table) == "nfs"


def test_where_the_system_tells_no_mounts_any_place_is_taken(tmp_path: Path) -> None:
    assert sqlite_place._file_system_of(tmp_path, tmp_path / "nothing") == ""
