"""What a worker process does first, in this process: nothing is started."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from fairmind_sync import logs
from fairmind_sync.relay import worker
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.relay.watchdog import Watchdog
from fairmind_sync.settings import Settings


@dataclass
class Thread:
    """In the place of a thread: notes that it was started."""

    target: object
    name: str
    daemon: bool

    started: ClassVar[list[Thread]] = []

    def start(self) -> None:
        self.started.append(self)


def test_a_worker_that_starts_is_known_deaf_to_signals_and_watched(
    configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[object, ...]] = []
    flags = SharedFlags()
    Thread.started.clear()
    monkeypatch.setattr(worker, "_watchdog", dog := Watchdog())
    monkeypatch.setattr(signal, "signal", lambda *given: calls.append(given))
    monkeypatch.setattr(worker, "load_dotenv", lambda *given, **how: calls.append((given, how)))
    monkeypatch.setattr(logs, "configure", lambda *given: calls.append(given))
    monkeypatch.setattr(threading, "Thread", Thread)
    configured._env_file = Path("/a/.env")
    worker.start(configured, flags)
    assert calls == [
        (signal.SIGINT, signal.SIG_IGN),
        (signal.SIGTERM, signal.SIG_IGN),
        (signal.SIGHUP, signal.SIG_IGN),
        ((Path("/a/.env"),), {"override": False}),
        (configured,),
    ]
    assert (flags.pid.value, dog.stop is flags.stop) == (os.getpid(), True)
    assert Thread.started == [
        Thread(worker._end_with_parent, "parent", daemon=True),
        Thread(dog.guard, "watchdog", daemon=True),
    ]
