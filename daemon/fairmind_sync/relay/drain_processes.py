"""Starts, watches, stops and kills the worker processes of `drain_once`; the daemon's are in `daemon/`."""

from __future__ import annotations

import atexit
import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import wait as wait_until_ready
from typing import TYPE_CHECKING, Any

from fairmind_sync import tracing
from fairmind_sync.errors import FairmindSyncError
from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import workload
from fairmind_sync.relay import worker
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.relay.worker_count import processes_for
from fairmind_sync.storage.engine import reading

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from sqlalchemy import Engine

    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.settings import Settings

_PROGRESS_INTERVAL_S = 0.2
_METHOD = "fork" if sys.platform == "linux" else "spawn"
"""A forked process has imported all that this one has. This one has no threads, and no connections then."""

log = get_logger()


class DrainProcess:
    """One process of a provider; the provider's first (`number` 1) does all work but a large backlog's."""

    def __init__(self, provider: ProviderName, number: int, settings: Settings) -> None:
        context: Any = multiprocessing.get_context(_METHOD)
        self.provider = provider
        self.flags = SharedFlags()
        self._error, error = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_drain, args=(provider, number, settings, self.flags, error)
        )

    @property
    def sentinel(self) -> int:
        """What is ready once the process has ended."""
        return int(self._process.sentinel)

    def start(self) -> None:
        self._process.start()

    def ask_to_stop(self) -> None:
        """Asks the process to finish what it has begun and to begin nothing more."""
        self.flags.stop.value = True

    def kill(self) -> None:
        log.warning("worker.killed", pid=self._process.pid, provider=self.provider)
        self._process.kill()

    def end(self) -> None:
        """Waits for the process, and tells if it died.

        Raises:
            FairmindSyncError: what ended the process's drain, if the process could say so.
        """
        self._process.join()
        with suppress(EOFError):
            raise self._error.recv()
        if self._process.exitcode:
            log.error(
                "worker.failed", provider=self.provider, reason="the worker process ended early"
            )


def run(
    engine: Engine,
    settings: Settings,
    providers: Sequence[ProviderName],
    on_progress: Callable[[], None],
    most_seconds: float | None,
) -> None:
    """Delivers what is due to the providers; returns once all processes have ended.

    After `most_seconds` the processes are asked to stop, and killed after the settings' grace period.

    Raises:
        FairmindSyncError: what ended a process's drain.
    """
    started = _processes(engine, providers, settings)
    engine.dispose()  # neither database's connections live in two processes
    tracing.end()  # nor does its thread
    for process in started:
        process.start()
    try:
        if _wait(started, on_progress, most_seconds):
            _ask_to_stop(started)
            for late in _wait(started, on_progress, settings.shutdown_seconds):
                late.kill()
    finally:
        _ask_to_stop(started)
        _wait(started, lambda: None, None)
    for process in started:
        process.end()


def _processes(
    engine: Engine, providers: Sequence[ProviderName], settings: Settings
) -> list[DrainProcess]:
    """Returns the processes that the providers' backlogs are worth, not yet started."""
    with reading(engine) as connection:
        pending = {name: workload.pending(connection, name) for name in providers}
    return [
        DrainProcess(provider, number, settings)
        for provider, count in pending.items()
        for number in range(1, 1 + processes_for(provider, count))
    ]


def _drain(
    provider: ProviderName,
    number: int,
    settings: Settings,
    flags: SharedFlags,
    error: Connection,
) -> None:
    """Runs in the process."""
    is_first = number == 1
    try:
        worker.start(settings, flags)
        worker.drain(
            provider,
            settings,
            probe_now=is_first,
            and_sweep=is_first,
            and_evidence=is_first and settings.wants_evidence,
        )
    except FairmindSyncError as reason:
        error.send(reason)
    finally:
        atexit._run_exitfuncs()  # noqa: SLF001 a forked process runs none by itself


def _ask_to_stop(processes: Sequence[DrainProcess]) -> None:
    for process in processes:
        process.ask_to_stop()


def _wait(
    processes: Sequence[DrainProcess], on_progress: Callable[[], None], seconds: float | None
) -> list[DrainProcess]:
    """Waits until all have ended, or for so many seconds; returns those that run on."""
    until = math.inf if seconds is None else time.monotonic() + seconds
    running = {process.sentinel: process for process in processes}
    while True:
        left = min(until - time.monotonic(), _PROGRESS_INTERVAL_S)
        for ended in wait_until_ready(running, max(left, 0.0)):
            del running[ended]  # type: ignore[arg-type]  # the sentinels that it was given
        on_progress()
        if not running or left <= 0:
            return [*running.values()]
