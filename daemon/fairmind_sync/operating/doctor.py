"""Finds out what is wrong and what to do: one finding for each check, with a remedy where needed."""

from __future__ import annotations

import multiprocessing
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from fairmind_sync import temporary_files
from fairmind_sync.clock import utc_now
from fairmind_sync.errors import FairmindSyncError
from fairmind_sync.intake.forgotten import forgotten_provider
from fairmind_sync.outbox import heartbeat, provider_state, result_lookup, workload
from fairmind_sync.provider_names import ENABLE_ONE
from fairmind_sync.providers import folder
from fairmind_sync.relay import worker
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.results.states import BLOCKED
from fairmind_sync.settings import load_settings
from fairmind_sync.storage import erasure, schema, sqlite_file
from fairmind_sync.storage.engine import current_time, is_file, reading
from fairmind_sync.storage.postgresql import server_setting
from fairmind_sync.storage.sqlite import journal_mode, sqlite_module
from fairmind_sync.storage.url import shown

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.providers.base import Remark
    from fairmind_sync.settings import Settings

LITTLE_SPACE = 100 * 1024 * 1024
STUCK_AFTER = timedelta(hours=1)
_PROBE_SECONDS = 60
_LATELY = 1000
"""So many of the newest results are asked which private fields were left out."""
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
_OLDEST_SERVER = 13_00_00  # the first that has gen_random_uuid
_CLOCKS_AGREE = timedelta(minutes=1)
_CORRECT = "Correct the variable in the environment or in .env."
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result; `remedy` is set where something is wrong."""

    check: str
    detail: str
    remedy: str | None = None

    @property
    def is_ok(self) -> bool:
        return self.remedy is None


def examine() -> Iterator[Finding]:
    """Yields each check's finding once the check is done; leaves out checks that rest on a failed one."""
    try:
        settings = load_settings()
    except FairmindSyncError as error:
        yield Finding("settings", str(error), _CORRECT)
        return
    yield from _settings(settings)
    yield _temporary_files()
    engine: Engine | None = None
    try:
        engine = schema.ready_engine(settings.database_url)
        schema.revision(engine)
    except FairmindSyncError as error:
        engine = None
        yield Finding("database", str(error), "See above.")
    else:
        yield from _database(engine)
        yield from _deliveries(engine, settings)
        yield from _private_fields(engine, settings)
    for provider in settings.enabled:
        yield _provider(provider, settings, engine)
        yield from map(_of_remark, folder(provider).remarks(settings))


def _settings(settings: Settings) -> Iterator[Finding]:
    where = settings.env_file or "no .env was found in the working directory or above it"
    yield Finding("variables", f"the environment; {where}")
    for mistake in settings.mistakes_in():
        yield Finding("settings", mistake, _CORRECT)
    if settings.enabled:
        yield Finding("settings", f"providers: {', '.join(settings.enabled)}")
    elif not settings.owed:
        words = forgotten_provider(settings) or "no provider is enabled"
        yield Finding("settings", words, ENABLE_ONE)


def _temporary_files() -> Finding:
    name = "temporary files"
    trouble = temporary_files.trouble()
    if trouble is not None:
        return Finding(name, *trouble.split(". ", 1))
    used, asked = Path(tempfile.gettempdir()), os.environ.get("TMPDIR")
    detail = f"{temporary_files.free_bytes(used) // 1024**2} MB are free in {used}"
    if asked and Path(asked).absolute() != used:
        remedy = (
            f"Make {asked} a directory where you may write, and free space there; or unset TMPDIR."
        )
        return Finding(name, f"TMPDIR is {asked}, which can't be used; {detail}", remedy)
    return Finding(name, detail)


def _database(engine: Engine) -> Iterator[Finding]:
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
    if synchronous == sqlite_file.FULL:
        return Finding("durability", "a save survives a power cut (synchronous = FULL)")
    return Finding(
        "durability",
        f"synchronous is {synchronous}, not FULL",
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
        newest = result_lookup.newest_at(connection)
    now = current_time(engine)
    if newest is None or newest <= now + timedelta(minutes=1):
        return Finding("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")
    return Finding(
        "clock",
        f"a result was saved at {newest:%Y-%m-%d %H:%M} UTC, in the future of this clock",
        "Set the clock, best by NTP, and restart the daemon.",
    )


def _deliveries(engine: Engine, settings: Settings) -> Iterator[Finding]:
    now = current_time(engine)
    with reading(engine) as connection:
        alive = heartbeat.any_alive(connection, now)
        for provider in settings.enabled:
            yield _backlog(connection, provider, now, alive=alive)


def _backlog(
    connection: Connection, provider: ProviderName, now: datetime, *, alive: bool
) -> Finding:
    name = f"{provider} deliveries"
    backlog = workload.backlog(connection, provider)
    pending, dead = backlog.counts["pending"], backlog.counts["dead"]
    detail = f"{pending} pending, {dead} dead"
    if dead:
        return Finding(name, detail, f"Run: fairmind-sync runs --status dead --provider {provider}")
    if pending and not alive:
        return Finding(name, f"{detail}, and no daemon runs", "Run: fairmind-sync run")
    oldest = backlog.oldest_pending_at
    if backlog.state.is_ready and oldest is not None and now - oldest > STUCK_AFTER:
        return Finding(
            name,
            f"{detail}, the oldest since {oldest:%Y-%m-%d %H:%M} UTC",
            f"Run: fairmind-sync runs --status pending --provider {provider}",
        )
    return Finding(name, detail)


def _private_fields(engine: Engine, settings: Settings) -> Iterator[Finding]:
    """Tells what the patterns of private fields matched lately: a pattern that never matches may be wrong."""
    if settings.mistakes_in("redact") or not settings.redact:
        return
    with reading(engine) as connection:
        results, removed = result_lookup.lately_removed(connection, _LATELY)
    counts = (removed[".".join(pattern)] for pattern in settings.private_fields)
    told = (f"{name} {count}" for name, count in zip(settings.redact, counts, strict=True))
    detail = f"removed from the newest {results} results: {', '.join(told)}"
    yield Finding("private fields", detail)


def _provider(name: ProviderName, settings: Settings, engine: Engine | None) -> Finding:
    """Probes the provider in a worker process, as for a delivery."""
    trouble = _in_worker(worker.trouble_of, name, settings)
    if trouble is None:
        return _answering(name, engine)
    state, reason = trouble
    if state == BLOCKED:
        return Finding(name, reason, f"Fix that, then run: fairmind-sync resume {name}")
    return Finding(name, reason, "Check the address and the network; deliveries wait meanwhile.")


def _answering(name: ProviderName, engine: Engine | None) -> Finding:
    """Returns what to do about a provider that answers: a delivery may have been refused all the same."""
    if engine is not None:
        with reading(engine) as connection:
            known = provider_state.read(connection, name)
        if known.state == BLOCKED:
            return Finding(
                name,
                str(known.reason),
                f"It answers now; have it take a delivery by: fairmind-sync resume {name}",
            )
    return Finding(name, "takes runs")


def _of_remark(remark: Remark) -> Finding:
    if remark.is_wrong:
        return Finding(remark.what, remark.detail, remark.remedy)
    return Finding(remark.what, f"{remark.detail}. {remark.remedy}".removesuffix(". "))


def _in_worker(
    work: Callable[[ProviderName, Settings], tuple[str, str] | None],
    name: ProviderName,
    settings: Settings,
) -> tuple[str, str] | None:
    spawn = multiprocessing.get_context("spawn")
    quiet = settings.model_copy(update={"log_level": "error"})
    pool = ProcessPoolExecutor(1, spawn, worker.start, (quiet, SharedFlags()))
    try:
        return pool.submit(work, name, quiet).result(_PROBE_SECONDS)
    except (FutureTimeoutError, BrokenProcessPool) as error:
        return "offline", f"the probe ended without an answer ({type(error).__name__})"
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
