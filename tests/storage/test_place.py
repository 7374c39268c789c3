"""Where a database may be, and who may read it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import StorageError
from fairmind_sync.storage import schema, sqlite_file, sqlite_place
from fairmind_sync.storage.engine import open_engine, reading, writing
from tests.support.deliveries import save


@pytest.fixture(autouse=True)
def _generous_umask() -> Iterator[None]:
    """Has this process make files that everybody may read and write, unless it takes care."""
    before = os.umask(0)
    yield
    os.umask(before)


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


def linked(file: Path, target: Path) -> Path:
    file.parent.mkdir()
    file.symlink_to(target)
    return target


def test_only_the_owner_may_read_what_a_link_leads_to(
    opened: Callable[[], Engine], file: Path, tmp_path: Path
) -> None:
    target = linked(file, tmp_path / "disk" / "real.db")
    engine = opened()
    schema.migrate(engine)
    with writing(engine):
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in target.parent.iterdir()}
    assert modes == {"real.db": 0o600, "real.db-wal": 0o600, "real.db-shm": 0o600}


def test_what_stands_beside_a_linked_file_is_looked_for_beside_the_file(
    opened: Callable[[], Engine], file: Path, tmp_path: Path
) -> None:
    target = linked(file, tmp_path / "disk" / "real.db")
    assert sqlite_file.file_of(opened()) == target


@pytest.mark.parametrize("how", ["copy", "upgrade"])
def test_only_the_owner_may_read_a_copy(engine: Engine, file: Path, how: str) -> None:
    copy = file.parent / "copy.db"
    if how == "copy":
        sqlite_file.copy_to(engine, copy)
    else:
        copy = schema.back_up(engine, "before")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


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
    real = sqlite_place._mounts
    monkeypatch.setattr(sqlite_place, "_mounts", lambda _table: real(table))


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "lustre", "gpfs", "9p"])
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
    mounts = sqlite_place._mounts(table)
    assert sqlite_place._file_system_of(Path("/my home/data"), mounts) == "nfs"


def test_where_the_system_tells_no_mounts_any_place_is_taken(tmp_path: Path) -> None:
    mounts = sqlite_place._mounts(tmp_path / "nothing")
    assert sqlite_place._file_system_of(tmp_path, mounts) == ""


SHARED = ["virtiofs", "fuse.grpcfuse", "fakeowner", "osxfs", "vboxsf", "prl_fs", "fuse.vmhgfs-fuse"]


@pytest.mark.parametrize(
    "kind", [*SHARED, "fuse.sshfs", "fuse.gcsfuse", "fuse.of-some-other-maker"]
)
def test_a_folder_that_another_machine_shares_is_refused_with_advice(
    opened: Callable[[], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mount(monkeypatch, tmp_path / "mounts", "/dev/sda1 / ext4", f"host {tmp_path} {kind}")
    with pytest.raises(
        StorageError, match=rf"may share with another \({kind}\).*in a container, to a volume"
    ):
        opened()


@pytest.mark.parametrize("kind", ["overlay", "tmpfs", "btrfs", "fuse.fuse-overlayfs", "fuseblk"])
def test_a_local_file_system_is_taken(
    opened: Callable[[], Engine],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    file: Path,
) -> None:
    mount(monkeypatch, tmp_path / "mounts", "/dev/sda1 / ext4", f"host {tmp_path} {kind}")
    assert opened().url.database == str(file)


def test_a_file_with_two_names_is_refused_by_either(database_url: str, file: Path) -> None:
    other = file.with_name("other.db")
    other.hardlink_to(file)
    for name in (file, other):
        with pytest.raises(StorageError, match=f"{name} has more than one name"):
            open_engine(f"sqlite:///{name}")


def test_a_copy_of_a_file_with_two_names_is_taken(database_url: str, file: Path) -> None:
    file.with_name("other.db").hardlink_to(file)
    copy = Path(shutil.copy(file, file.with_name("copy.db")))
    assert open_engine(f"sqlite:///{copy}").url.database == str(copy)


def test_a_file_that_is_mounted_by_itself_is_refused_with_advice(
    opened: Callable[[], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    mount(monkeypatch, tmp_path / "mounts", "/dev/sda1 / ext4", f"/dev/sda1 {file} ext4")
    with pytest.raises(StorageError, match=r"mounted as a single file.*Mount the directory"):
        opened()


def test_a_link_to_a_file_that_is_mounted_by_itself_is_refused(
    opened: Callable[[], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    file.parent.mkdir()
    file.symlink_to(tmp_path / "mounted.db")
    mount(monkeypatch, tmp_path / "mounts", f"/dev/sda1 {tmp_path / 'mounted.db'} ext4")
    with pytest.raises(StorageError, match="mounted as a single file"):
        opened()


@pytest.mark.system
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_a_bind_mounted_file_is_refused_for_real(
    database_url: str, file: Path, tmp_path: Path
) -> None:
    mounted = tmp_path / "in a container.db"
    mounted.touch()
    code = (
        "import sys; from fairmind_sync.storage.engine import open_engine; open_engine(sys.argv[1])"
    )
    script = 'mount --bind "$1" "$2" && exec "$3" -c "$4" "sqlite:///$2"'
    in_a_container = [str(shutil.which("unshare")), "--mount", "sh", "-c", script, "sh"]
    ran = subprocess.run(
        [*in_a_container, file, mounted, sys.executable, code],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert f"{mounted} is mounted as a single file" in ran.stderr
