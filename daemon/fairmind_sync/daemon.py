"""The long-running process: the scheduler and the REST API, from start to a clean end."""

from __future__ import annotations

import signal
import socket
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
import uvicorn

from fairmind_sync import __version__, logs, schema
from fairmind_sync.api import create_app
from fairmind_sync.database import journal_mode, shared_engine, sqlite_module
from fairmind_sync.errors import SettingsError
from fairmind_sync.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairmind_sync.settings import Settings

_SIGNAL_INTERVAL_S = 0.5

log = structlog.get_logger()


def run(settings: Settings, until: Callable[[], object] | None = None) -> None:
    """Runs until SIGTERM or Ctrl-C, or until `until` returns; then ends within the grace period.

    Raises:
        SettingsError: the address can't be listened on.
        SchemaError: the database was written by a newer version.
    """
    logs.configure(settings)
    _prepare_database(settings)
    with _listen(settings) as listener:
        server = _Server(settings, listener)
        scheduler = Scheduler(schema.ready_engine(settings.database_url), settings)
        stop = _stop_on_signals()
        scheduler.start()
        server.start()
        log.info("daemon.ready", url=server.url, providers=settings.enabled, version=__version__)
        (until or stop)()
        log.info("daemon.stopping")
        server.stop()
        scheduler.stop()
    log.info("daemon.stopped")


def _prepare_database(settings: Settings) -> None:
    engine = shared_engine(settings.database_url)
    copy = schema.upgrade(engine, datetime.now(UTC))
    if copy is not None:
        log.info("database.upgraded", revision=schema.HEAD, backup=str(copy))
    if journal_mode() != "wal":
        log.warning(
            "database.slow_journal",
            reason="this SQLite can corrupt a WAL database, so a rollback journal is used",
            sqlite=sqlite_module().sqlite_version,
        )


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.api_host, settings.api_port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"can't listen on {settings.api_host}:{settings.api_port}: {error.strerror}. "
            "Set FAIRMIND_SYNC_API_HOST and FAIRMIND_SYNC_API_PORT to a free address."
        ) from error
    return listener


def _stop_on_signals() -> Callable[[], None]:
    """What waits for a signal: in steps, because a handler runs only when the main thread does."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def wait() -> None:
        while not stop.wait(_SIGNAL_INTERVAL_S):
            pass

    return wait


class _Server:
    """The REST API in a thread of its own."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        config = uvicorn.Config(
            create_app(settings),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="api", daemon=True
        )
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
