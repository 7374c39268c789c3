"""What runs inside a worker process: its start and signals, a drain or the doctor's probe there, and its end
when the parent is gone or the SDK is broken.

The providers' SDKs hang, leak and die. In a worker process they may: the daemon starts another, and the
leases of the dead one run out.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache, partial
from multiprocessing import parent_process
from random import Random
from typing import TYPE_CHECKING

from dotenv import load_dotenv

from fairmind_sync import logs
from fairmind_sync.errors import (
    ProviderBlockedError,
    ProviderBrokenError,
    ProviderOfflineError,
    ProviderUnavailableError,
    StorageError,
)
from fairmind_sync.event_log import get_logger
from fairmind_sync.providers import folder, open_provider, probe
from fairmind_sync.providers.base import Provider
from fairmind_sync.providers.secrets import secrets_of
from fairmind_sync.redaction import redact
from fairmind_sync.relay.provider_drain import ProviderDrain
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.relay.unavailable import note_unavailable
from fairmind_sync.relay.watchdog import Watchdog
from fairmind_sync.relay.worker_name import worker_name
from fairmind_sync.results.states import BLOCKED, OFFLINE
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import current_time

if TYPE_CHECKING:
    from datetime import timedelta

    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.settings import Settings

ORPHANED = 71
BROKEN = 72
OPENING_TIME = timedelta(minutes=2)
"""A provider that takes longer to be set up, where a slow disk holds its package, hangs."""

log = get_logger()


_watchdog = Watchdog()  # one is enough: a process runs one drain at a time


def start(settings: Settings, flags: SharedFlags) -> None:
    """Sets up a fresh worker process, which its parent ends: SIGINT, SIGTERM and SIGHUP are ignored."""
    flags.pid.value = os.getpid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if settings.env_file is not None:
        load_dotenv(settings.env_file, override=False)  # the SDKs' own variables
    logs.configure(settings)
    _watchdog.stop = flags.stop
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    threading.Thread(target=_watchdog.guard, name="watchdog", daemon=True).start()


def drain(
    name: ProviderName,
    settings: Settings,
    *,
    probe_now: bool = False,
    and_sweep: bool = False,
    and_evidence: bool = False,
    longest: timedelta | None = None,
    parent: str = "",
) -> None:
    """Runs the provider's drain, as `ProviderDrain.run` does; `parent` is as in `worker_name`."""
    one = drain_of(name, settings, parent)
    try:
        one.run(
            probe_now=probe_now, and_sweep=and_sweep, and_evidence=and_evidence, longest=longest
        )
    except ProviderBrokenError as error:
        log.warning("worker.broken", provider=name, reason=str(error))
        sys.stderr.flush()
        os._exit(BROKEN)


def drain_of(name: ProviderName, settings: Settings, parent: str = "") -> ProviderDrain:
    """Returns this process's drain of the provider, which this process's watchdog watches."""
    return ProviderDrain(
        schema.ready_engine(settings.database_url),
        name,
        settings,
        opened=partial(_opened, name, settings),
        worker=worker_name(parent=parent),
        should_stop=_watchdog.should_stop,
        watch=_watchdog.watch,
    )


def trouble_of(name: ProviderName, settings: Settings) -> tuple[str, str] | None:
    """Probes the provider; returns None if the provider takes runs, else its state and the reason."""
    try:
        probe(_provider(name, settings))
    except ProviderBlockedError as error:
        return BLOCKED, redact(str(error), secrets_of(settings))
    except ProviderUnavailableError as error:
        return OFFLINE, redact(str(error), secrets_of(settings))
    return None


def _opened(name: ProviderName, settings: Settings) -> Provider:
    """Returns the provider, set up within `OPENING_TIME`; one that hangs there is offline, probed later."""
    _watchdog.watch(OPENING_TIME, partial(_note_hung, name, settings))
    try:
        return _provider(name, settings)
    finally:
        _watchdog.watch(None)


def _note_hung(name: ProviderName, settings: Settings) -> None:
    engine = schema.ready_engine(settings.database_url)
    seconds = OPENING_TIME.total_seconds()
    away = ProviderOfflineError(
        f"{folder(name).TITLE} could not be set up within {seconds:.0f} seconds"
    )
    with suppress(StorageError):
        note_unavailable(engine, name, away, Random(), partial(current_time, engine))


@lru_cache(maxsize=1)
def _provider(name: ProviderName, settings: Settings) -> Provider:
    return open_provider(name, settings)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(ORPHANED)
