"""The doctor's checks of the database: damage, SQLite's version, durability, file modes, space, write-ahead
log, the server, and clocks.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from fairmind_sync.clock import utc_now
from fairmind_sync.operating.finding import Finding
from fairmind_sync.outbox import workload
from fairmind_sync.storage import erasure, sqlite_file
from fairmind_sync.storage.engine import current_time, is_file, reading
from fairmind_sync.storage.postgresql import server_setting
from fairmind_sync.storage.sqlite import journal_mode, sqlite_module
from fairmind_sync.storage.url import shown

if TYPE_CHECKING:
    from sqlalchemy import Engine

LITTLE_SPACE = 100 * 1024 * 1024
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
_OLDEST_SERVER = 13_00_00  # the first that has gen_random_uuid
_CLOCKS_AGREE = timedelta(minutes=1)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def database_findings(engine: Engine) -> Iterator[Finding]:
    """Yields the finding of each check of the database once the check is done."""
    of_file = (_integrity, _sqlite, _durability, _modes, _space, _wal)
    of_server = (_server, _server_durability, _server_clock)
    for check in (*(of_file if is_file(engine) else of_server), _clock):
        yield check(engine)


def _integrity(engine: Engine) -> Finding:
    wrong = sqlite_file.damage(engine)
    if not wrong:
        return Finding("integrity", f"{sqlite_file.file_of(engine)} is sound")
    return Finding(
        "integrity",
        wrong[0],
        "Stop the daemon, move the file with its -wal and -shm away, put a backup in its place.",
    )


def _sqlite(_engine: Engine) -> Finding:
    version = sqlite_module().sqlite_version
    if journal_mode() == "wal":
        return Finding("sqlite", f"{version}, write-ahead log")
    return Finding(
        "sqlite",
        f"{version} can corrupt a WAL database, so a slower rollback journal is used",
        "Install pysqlite3, or a Python with SQLite 3.51.3 or newer.",
    )


def _durability(engine: Engine) -> Finding:
    synchronous = sqlite_file.synchronous(engine)
    if synchronous == sqlite_file.EXTRA:
        return Finding("durability", "a save survives a power cut (synchronous = EXTRA)")
    return Finding(
        "durability",
        f"synchronous is {synchronous}, not EXTRA",
        "Report this: a power cut may lose what was saved.",
    )


def _modes(engine: Engine) -> Finding:
    file = sqlite_file.file_of(engine)
    parts = [file, *file.parent.glob(f"{file.name}-*"), *file.parent.glob(f"{file.name}.*")]
    readable = [str(part) for part in parts if part.stat().st_mode & _OTHERS]
    if not readable:
        return Finding("file modes", "only you may read the database")
    return Finding(
        "file modes", f"others may read {readable[0]}", f"Run: chmod go-rwx {' '.join(readable)}"
    )


def _space(engine: Engine) -> Finding:
    free = sqlite_file.free_bytes(engine)
    detail = f"{free // 1024**2} MB are free"
    if free >= LITTLE_SPACE:
        return Finding("disk", detail)
    return Finding("disk", detail, f"Free space on the disk of {sqlite_file.file_of(engine)}.")


def _wal(engine: Engine) -> Finding:
    size = sqlite_file.wal_size(engine)
    detail = f"{size // 1024**2} MB"
    if erasure.is_owed(engine):
        detail += ", with erased content, which a daemon or drain takes out once nobody reads an old state"
    if size <= sqlite_file.LARGE_WAL:
        return Finding("write-ahead log", detail)
    return Finding(
        "write-ahead log", detail, "End the process that keeps a read transaction open on the file."
    )


def _server(engine: Engine) -> Finding:
    version = server_setting(engine, "server_version")
    detail = f"PostgreSQL {version} at {shown(engine.url)}"
    if int(server_setting(engine, "server_version_num")) >= _OLDEST_SERVER:
        return Finding("server", detail)
    return Finding(
        "server", detail, f"Upgrade it to PostgreSQL {_OLDEST_SERVER // 10_000} or newer."
    )


def _server_durability(engine: Engine) -> Finding:
    lossy = [name for name in _DURABLE if server_setting(engine, name) == "off"]
    if not lossy:
        return Finding("durability", "a save survives a power cut of the server")
    return Finding(
        "durability",
        f"a power cut of the server may lose what was saved (off: {', '.join(lossy)})",
        f"Turn on {', '.join(lossy)}: on the server, or for this database and user.",
    )


def _server_clock(engine: Engine) -> Finding:
    ahead = (utc_now() - current_time(engine)).total_seconds()
    where = "behind" if ahead < 0 else "ahead of"
    detail = f"this host's clock is {abs(ahead):.1f} s {where} the server's"
    if abs(ahead) < _CLOCKS_AGREE.total_seconds():
        return Finding("server clock", detail)
    return Finding(
        "server clock",
        detail,
        "Set both clocks, best by NTP. Deliveries go by the server's; log lines by the host's.",
    )


def _clock(engine: Engine) -> Finding:
    with reading(engine) as connection:
        newest = workload.newest_at(connection)
    now = current_time(engine)
    if newest is None or newest <= now + timedelta(minutes=1):
        return Finding("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")
    return Finding(
        "clock",
        f"a delivery was queued at {newest:%Y-%m-%d %H:%M} UTC, in the future of this clock",
        "Set the clock, best by NTP, and restart the daemon.",
    )
