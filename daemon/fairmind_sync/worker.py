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
from datetime import timedelta
from functools import lru_cache, partial
from multiprocessing import parent_process
from multiprocessing.sharedctypes import RawValue
from random import Random
from typing import TYPE_CHECKING

import structlog
from dotenv import load_dotenv

from fairmind_sync import database, logs, schema, sweep
from fairmind_sync.errors import ProviderNotInstalledError
from fairmind_sync.models import BLOCKED, OFFLINE
from fairmind_sync.providers import open_provider
from fairmind_sync.providers.base import (
    Provider,
    ProviderBlockedError,
    ProviderBrokenError,
    ProviderUnavailableError,
)
from fairmind_sync.relay import Relay, note_unavailable, worker_name

if TYPE_CHECKING:
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.settings import Settings

HUNG = 70
ORPHANED = 71
BROKEN = 72
_WATCH_INTERVAL_S = 0.5

log = structlog.get_logger()


class _Watchdog:
    """Ends the process when its batch takes too long.

    By the monotonic clock: a wall clock that is set ahead must not end a healthy worker, whose request may
    still be under way while the next worker looks whether it did anything.
    """

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.stop: c_bool = c_bool(False)

    def watch(self, longest: timedelta | None) -> None:
        self.deadline = None if longest is None else time.monotonic() + longest.total_seconds()

    def should_stop(self) -> bool:
        return self.stop.value

    def guard(self) -> None:
        while True:
            time.sleep(_WATCH_INTERVAL_S)
            deadline = self.deadline  # another thread may clear it
            if deadline is not None and time.monotonic() > deadline:
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


def drain(
    name: ProviderName,
    settings: Settings,
    *,
    probe_now: bool = False,
    and_sweep: bool = False,
    parent: str = "",
) -> None:
    """Delivers the provider's due deliveries; an enabled provider that isn't installed blocks itself.

    `parent` is as in `worker_name`.
    """
    engine = schema.ready_engine(settings.database_url)
    try:
        provider = _provider(name, settings)
    except ProviderNotInstalledError as error:
        blocked = ProviderBlockedError(str(error))
        note_unavailable(engine, name, blocked, Random(), database.now(engine))
        return
    relay = Relay(
        engine,
        provider,
        max_attempts=settings.max_attempts,
        most_leased=settings.max_in_flight,
        most_a_second=settings.wandb_runs_per_second if name == "wandb" else None,
        clock=partial(database.now, engine),
        should_stop=_watchdog.should_stop,
        watch=_watchdog.watch,
        worker=worker_name(parent=parent),
        secrets=logs.secrets_of(settings),
    )
    try:
        relay.drain(probe_now=probe_now)
        if and_sweep:
            sweep.sweep(engine, provider)
    except ProviderUnavailableError as error:
        note_unavailable(
            engine, name, error, Random(), database.now(engine), logs.secrets_of(settings)
        )
    except ProviderBrokenError as error:
        log.warning("worker.broken", provider=name, reason=str(error))
        sys.stderr.flush()
        os._exit(BROKEN)


def trouble_of(name: ProviderName, settings: Settings) -> tuple[str, str] | None:
    """Why the provider takes nothing: the state that this puts it into, and the reason in words."""
    try:
        _provider(name, settings).probe()
    except (ProviderBlockedError, ProviderNotInstalledError) as error:
        return BLOCKED, logs.redact(str(error), logs.secrets_of(settings))
    except ProviderUnavailableError as error:
        return OFFLINE, logs.redact(str(error), logs.secrets_of(settings))
    return None


@lru_cache(maxsize=1)
def _provider(name: ProviderName, settings: Settings) -> Provider:
    return open_provider(name, settings)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(ORPHANED)
