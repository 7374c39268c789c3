"""structlog is imported with the first event, and set up as the last who asked wants."""

from __future__ import annotations

import subprocess
import sys

import pytest
import structlog

from fairmind_sync import event_log
from tests.support.log_events import captured_logs

NO_EVENT = """
import sys
from fairmind_sync import logs, relay
from fairmind_sync.relay import drain
from fairmind_sync.settings import Settings
logs.configure(Settings())
assert "structlog" not in sys.modules
drain.decide.__globals__["log"].info("delivery.claimed")
assert "structlog" in sys.modules
"""


def test_a_process_that_logs_nothing_imports_no_structlog() -> None:
    subprocess.run([sys.executable, "-c", NO_EVENT], check=True, timeout=240)


def test_what_was_asked_for_last_sets_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    with captured_logs() as events:
        event_log.set_up_by(lambda: asked.append("first"))
        event_log.set_up_by(lambda: asked.append("last"))
        log = event_log.get_logger()
        log.info("daemon.ready", port=1)
        log.info("daemon.stopped")
    assert (asked, [event["event"] for event in events]) == (
        ["last"],
        ["daemon.ready", "daemon.stopped"],
    )


def test_a_logger_is_structlogs_own() -> None:
    with captured_logs() as events:
        event_log.get_logger().bind(delivery=7).warning("delivery.dead")
        structlog.get_logger().warning("delivery.dead", delivery=7)
    assert events[0] == events[1]
