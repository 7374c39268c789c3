"""Results that are logged by hand, as a backend does, and the daemon that is waited for."""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from fairmind_sync import mlops_integration as service
from fairmind_sync.outbox.heartbeat import Heartbeat
from fairmind_sync.relay.loop import Relay
from fairmind_sync.storage.engine import writing
from fairmind_sync.testing import FakeProvider

DISABLED = {"enabled": False, "success": False, "run_id": None, "url": None}
WAIT_S = 60.0
"""Longer than any delivery here takes; only a failing test waits so long."""


def beat(engine: Engine) -> None:
    """A daemon is alive."""
    with writing(engine) as connection:
        Heartbeat().start(connection, datetime.now(UTC))


def log(wait: float = WAIT_S, **changes: Any) -> dict[str, dict[str, Any]]:
    return service.log_bias_test(**_arguments(changes), wait=wait)


def log_async(
    wait: float = WAIT_S, **changes: Any
) -> Coroutine[Any, Any, dict[str, dict[str, Any]]]:
    return service.log_bias_test_async(**_arguments(changes), wait=wait)


def _arguments(changes: dict[str, Any]) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "test_id": "t",
        "model_id": "m",
        "test_type": "ml_bias",
        "results": {"accuracy": 0.85},
    }
    return usual | changes


@contextmanager
def delivering(engine: Engine, provider: FakeProvider) -> Iterator[None]:
    """A relay at work in another thread."""
    done = threading.Event()

    def deliver() -> None:
        while not done.wait(0.01):
            Relay(engine, provider, max_attempts=3).drain()

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
