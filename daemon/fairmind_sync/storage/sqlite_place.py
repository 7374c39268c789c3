"""Makes a new SQLite file, readable by us alone, with its directories, durably; refuses hard links, network
file systems and shared folders.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from pathlib import Path

from fairmind_sync.errors import StorageError

_NETWORK_FILE_SYSTEMS = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "lustre",
        "gpfs",
        "beegfs",
        "ceph",
        "afs",
        "9p",
        "ocfs2",
        "gfs2",
    }
    | {"glusterfs", "orangefs", "pvfs2", "coda", "ncpfs"}
)
_SHARED_FOLDERS = frozenset(
    {"virtiofs", "fakeowner", "osxfs", "vboxsf", "prl_fs", "vmhgfs", "drvfs", "hgfs", "shfs"}
)
"""What Docker Desktop and hypervisors show a guest of its host's files: locks and shared memory end there."""
_LOCAL_FUSE = frozenset(
    {
        "fuse.fuse-overlayfs",
        "fuse.gocryptfs",
        "fuse.encfs",
        "fuse.ecryptfs",
        "fuse.ntfs-3g",
        "fuse.lxcfs",
    }
)
"""Of the file systems in user space, those on a disk of this machine; any other may be shared."""
_ESCAPED = re.compile(r"\\([0-7]{3})")


def prepare_place(path: Path) -> None:
    """Makes the directory and the file, readable by us alone, where either is missing, and durable."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_what_is_shared(path)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        if path.stat().st_size == 0:
            _sync_names(path.parent)
    except OSError as error:
        raise StorageError(
            f"the database {path} can't be created: {error.strerror}. "
            "Set FAIRMIND_SYNC_DATABASE_URL to a place where you may write."
        ) from error
    if path.is_dir():
        raise StorageError(f"{path} is a directory: name a file in FAIRMIND_SYNC_DATABASE_URL.")


def _sync_names(directory: Path) -> None:
    """Has a power cut leave the directory, whoever made it: SQLite doesn't care for those above the file.

    Another process may have made it a moment ago and not synced it yet, or died before it could. So each
    process that finds the file empty syncs all names up to the disk's own; who writes first has done so.
    """
    for one in (directory, *directory.parents):
        sync_directory(one)
        if os.path.ismount(one):
            return


def sync_directory(directory: Path) -> None:
    """Has a power cut leave the names in the directory: a file that is durable can be without its name.

    A directory that we may not read is left alone, and a file system that can't do this; SQLite does so, too.
    """
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def _refuse_what_is_shared(path: Path) -> None:
    """Refuses a file that others may open by another path or on another machine.

    Each path has a write-ahead log of its own, and on another machine are locks that this one doesn't see.
    """
    if path.is_file() and path.stat().st_nlink > 1:
        raise StorageError(
            f"{path} has more than one name (hard links), and whoever opens it by another would damage it. "
            "Remove the other names, or copy the file and name the copy in FAIRMIND_SYNC_DATABASE_URL."
        )
    mounts = _mounts(Path("/proc/self/mounts"))
    if str(path.resolve()) in mounts:
        raise StorageError(
            f"{path} is mounted as a single file, and whoever opens it by another path would damage it. "
            "Mount the directory that holds the file."
        )
    kind = _file_system_of(path.parent.resolve(), mounts)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise StorageError(
            f"{path.parent} is on a network file system ({kind}), where SQLite loses data. "
            "Set FAIRMIND_SYNC_DATABASE_URL to a local disk."
        )
    if kind in _SHARED_FOLDERS or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE):
        raise StorageError(
            f"{path.parent} is a folder that this machine may share with another ({kind}), where SQLite "
            "loses data. Set FAIRMIND_SYNC_DATABASE_URL to a local disk; in a container, to a volume."
        )


def _mounts(table: Path) -> dict[str, str]:
    """Returns the type of the file system at each mount point; nothing where the system doesn't tell."""
    try:
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return {_unescaped(fields[1]): fields[2] for fields in map(str.split, lines)}


def _unescaped(path: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), path) if "\\" in path else path


def _file_system_of(directory: Path, mounts: dict[str, str]) -> str:
    """Returns the type of the file system that holds the directory; an empty text where it isn't known."""
    holder = next((str(p) for p in (directory, *directory.parents) if str(p) in mounts), "")
    return mounts.get(holder, "")
