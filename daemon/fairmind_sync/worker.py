"""Runs inside a worker process: one provider's drains, and what ends the process when they hang.

The SDKs hang, leak and die. Here they can: the daemon replaces the process, the leases do the rest.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from ctypes import c_bool, c_int
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from multiprocessing import parent_process
from multiprocessing.sharedctypes import RawValue
from random import Random
from typing import TYPE_CHECKING

import structlog
from dotenv import load_dotenv

from fairmind_sync import logs, schema
from fairmind_sync.errors import ProviderNotInstalledError
from fairmind_sync.providers import open_provider
from fairmind_sync.providers.base import Provider, ProviderBlockedError, ProviderBrokenError
from fairmind_sync.relay import Relay, note_unavailable

if TYPE_CHECKING:
    from fairmind_sync.settings import ProviderName, Settings

HUNG = 70
ORPHANED = 71
BROKEN = 72
_WATCH_INTERVAL_S = 0.5

log = structlog.get_logger()


class _Watchdog:
    """Ends the process when the deadline of its batch has passed; wall-clock time, like the lease's."""

    def __init__(self) -> None:
        self.deadline: datetime | None = None
        self.stop: c_bool = c_bool(False)

    def watch(self, deadline: datetime | None) -> None:
        self.deadline = deadline

    def should_stop(self) -> bool:
        return self.stop.value

    def guard(self) -> None:
        while True:
            time.sleep(_WATCH_INTERVAL_S)
            if self.deadline is not None and datetime.now(UTC) > self.deadline:
                log.error("worker.hung", pid=os.getpid())
                sys.stderr.flush()
                os._exit(HUNG)


_watchdog = _Watchdog()  # a process runs one drain at a time, so it has one


@dataclass(frozen=True, slots=True)
class Wires:
    """Memory shared with the parent: it asks to stop, and we say who we are.

    Without locks: a process that is killed while it holds one would block every other for ever.
    """

    stop: c_bool = field(default_factory=lambda: RawValue(c_bool, False))
    pid: c_int = field(default_factory=lambda: RawValue(c_int, 0))


def start(settings: Settings, wires: Wires) -> None:
    """Sets up a fresh worker process. The daemon ends it; signals to the process group don't."""
    wires.pid.value = os.getpid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    load_dotenv(".env", override=False)  # the SDKs' own variables
    logs.configure(settings)
    _watchdog.stop = wires.stop
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    threading.Thread(target=_watchdog.guard, name="watchdog", daemon=True).start()


def drain(name: ProviderName, settings: Settings, *, probe_now: bool = False) -> None:
    """Delivers the provider's due deliveries; an enabled provider that isn't installed blocks itself."""
    engine = schema.ready_engine(settings.database_url)
    try:
        provider = _provider(name, settings)
    except ProviderNotInstalledError as error:
        blocked = ProviderBlockedError(str(error))
        note_unavailable(engine, name, blocked, Random(), datetime.now(UTC))
        return
    relay = Relay(
        engine,
        provider,
        max_attempts=settings.max_attempts,
        should_stop=_watchdog.should_stop,
        watch=_watchdog.watch,
    )
    try:
        relay.drain(probe_now=probe_now)
    except ProviderBrokenError as error:
        log.warning("worker.broken", provider=name, reason=str(error))
        sys.stderr.flush()
        os._exit(BROKEN)


@lru_cache(maxsize=1)
def _provider(name: ProviderName, settings: Settings) -> Provider:
    return open_provider(name, settings)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(ORPHANED)
