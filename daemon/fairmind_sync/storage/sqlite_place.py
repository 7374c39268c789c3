"""Where a SQLite file may be, and who may read it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fairmind_sync.errors import StorageError

_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "afs", "9p"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"}
)


def prepare_place(path: Path) -> None:
    """Makes the directory and the file, readable by us alone, where either is missing."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_network_file_system(path.parent)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise StorageError(
            f"the database {path} can't be created: {error.strerror}. "
            "Set FAIRMIND_SYNC_DATABASE_URL to a place where you may write."
        ) from error
    if path.is_dir():
        raise StorageError(f"{path} is a directory: name a file in FAIRMIND_SYNC_DATABASE_URL.")


def _refuse_network_file_system(directory: Path) -> None:
    kind = _file_system_of(directory.resolve(), Path("/proc/self/mounts"))
    if kind in _NETWORK_FILE_SYSTEMS:
        raise StorageError(
            f"{directory} is on a network file system ({kind}), where SQLite loses data. "
            "Set FAIRMIND_SYNC_DATABASE_URL to a local disk."
        )


def _file_system_of(directory: Path, mounts: Path) -> str:
    """Returns the type of the file system that holds the directory; '' where the system doesn't tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    points = {fields[1].replace("\\040", " "): fields[2] for fields in map(str.split, lines)}
    holder = next((str(p) for p in (directory, *directory.parents) if str(p) in points), "")
    return points.get(holder, "")
