"""Starts and ends the daemon's process: settings, log, API, database upgrade, election of who delivers,
signals; also for a backend's `lifespan`.

A FastAPI backend can run the scheduler inside its own process instead: `FastAPI(lifespan=daemon.lifespan)`.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from fairmind_sync import __version__, logs
from fairmind_sync.api.server import ApiServer, listen, require_guard
from fairmind_sync.daemon import orphans, systemd
from fairmind_sync.daemon.election import Election
from fairmind_sync.daemon.scheduler import Scheduler
from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import heartbeat
from fairmind_sync.provider_names import ENABLE_ONE, NOT_AVAILABLE
from fairmind_sync.settings import OF_DELIVERIES, OF_THE_API, current_settings
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import is_file, shared_engine
from fairmind_sync.storage.sqlite import BUSY_TIMEOUT_MS, journal_mode, sqlite_module
from fairmind_sync.storage.url import shown
from fairmind_sync.unknown_variables import unknown_variables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from sqlalchemy import Engine

    from fairmind_sync.daemon.systemd import ServiceManager
    from fairmind_sync.settings import Settings

_SIGNAL_INTERVAL_S = 0.5
_LONGEST_BETWEEN_BEATS = heartbeat.INTERVAL + timedelta(milliseconds=BUSY_TIMEOUT_MS)

log = get_logger()


def run(settings: Settings, until: Callable[[], object] | None = None) -> None:
    """Runs until SIGTERM, SIGHUP or Ctrl-C, or until `until` returns; then ends within the grace period.

    Raises:
        SettingsError: a variable that deliveries need is wrong; the API's address can't be listened on, or
            is open to others without a token.
        SchemaError: the database was written by a newer version.
    """
    logs.configure(settings)
    _tell_where_from(settings)
    settings.require(*OF_DELIVERIES)
    manager = _service_manager()
    with _api(settings) as server:
        engine = _prepared_engine(settings)
        make_scheduler = partial(Scheduler, engine, settings, on_beat=manager.alive)
        election = Election(engine, make_scheduler, always_delivers=True)
        stop = _stop_on_signals()
        election.start()
        url = server.start() if server else None
        if not settings.owed:
            log.warning("daemon.idle", reason=ENABLE_ONE, fairmind=NOT_AVAILABLE)
        log.info("daemon.ready", url=url, providers=settings.enabled, version=__version__)
        manager.ready()
        (until or stop)()
        log.info("daemon.stopping")
        manager.stopping()
        if server:
            server.stop()
        election.stop()
    log.info("daemon.stopped")


@contextmanager
def _api(settings: Settings) -> Iterator[ApiServer | None]:
    """Listens on the API's address; gives None where a variable of the API is wrong: deliveries go on."""
    require_guard(settings)
    if wrong := settings.mistakes_in(*OF_THE_API):
        log.error("api.not_served", reason="; ".join(wrong))
        yield None
        return
    with listen(settings) as listener:
        yield ApiServer(settings, listener)


@asynccontextmanager
async def lifespan(_app: object = None) -> AsyncIterator[None]:
    """Delivers while the block runs, with the environment's settings; for a FastAPI backend's `lifespan`.

    Of a backend's processes on a host one delivers; another takes over when that one ends or dies. The
    backend mounts the REST API itself: `app.include_router(fairmind_sync.api.router)`.
    """
    settings = current_settings()
    election = await asyncio.to_thread(_started_election, settings)
    try:
        yield
    finally:
        await asyncio.to_thread(election.stop)


def _started_election(settings: Settings) -> Election:
    _tell_where_from(settings)
    settings.require(*OF_DELIVERIES)
    logs.tell_mistakes(settings)
    engine = _prepared_engine(settings)
    election = Election(engine, partial(Scheduler, engine, settings), always_delivers=False)
    election.start()
    return election


def _tell_where_from(settings: Settings) -> None:
    """Logs where the variables came from, which of them nothing reads, and which database is used."""
    file = None if settings.env_file is None else str(settings.env_file)
    log.info("settings.read", env_file=file, database=shown(settings.database_url))
    if unknown := unknown_variables(settings.env_file):
        log.warning("setting.unknown", variables=unknown)


def _service_manager() -> ServiceManager:
    manager = systemd.take_over()
    interval = manager.watchdog_interval
    if interval is not None and interval < _LONGEST_BETWEEN_BEATS:
        log.warning(
            "daemon.short_watchdog",
            seconds=interval.total_seconds(),
            reason="a busy database can delay a heartbeat for longer",
            at_least=_LONGEST_BETWEEN_BEATS.total_seconds(),
        )
    return manager


def _prepared_engine(settings: Settings) -> Engine:
    """Opens the database; upgrades an older SQLite file first."""
    engine = shared_engine(settings.database_url)
    copy = schema.upgrade_apart(engine)
    if copy is not None:
        log.info("database.upgraded", revision=schema.HEAD, backup=str(copy))
    if is_file(engine) and journal_mode() != "wal":
        log.warning(
            "database.slow_journal",
            reason="this SQLite can corrupt a WAL database, so a rollback journal is used",
            sqlite=sqlite_module().sqlite_version,
        )
    return schema.ready_engine(settings.database_url)


def _stop_on_signals() -> Callable[[], None]:
    """Returns a wait for a signal, in short steps: Python runs a signal's handler only in the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # else nohup's
            signal.signal(number, lambda *_: stop.set())

    def wait() -> None:
        while not stop.wait(_SIGNAL_INTERVAL_S):
            if orphans.is_first_process():
                orphans.reap_orphans()

    return wait
