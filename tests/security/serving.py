"""The daemon's API server in a thread of the test's process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fairmind_sync.api import server
from fairmind_sync.settings import Settings


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """The server's URL; the server has the module's limits as they are at the start of the block."""
    with server.listen(settings.model_copy(update={"api_port": 0})) as listener:
        running = server.ApiServer(settings, listener)
        running.start()
        try:
            yield running.url
        finally:
            running.stop()
