"""The log events of a block of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from fairmind_sync import event_log


@contextmanager
def captured_logs() -> Iterator[list[EventDict]]:
    """The log events of the block, whatever logging another test has set up."""
    before = structlog.get_config()
    event_log.set_up_by(structlog.reset_defaults)
    event_log.get_logger().debug  # noqa: B018 so that nothing waits to set logging up
    try:
        with capture_logs() as events:
            yield events
    finally:
        structlog.configure(**before)
