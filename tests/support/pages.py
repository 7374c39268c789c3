"""The REST API and the status page, served without a daemon around them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fairmind_sync.api.server import ApiServer, listen
from fairmind_sync.settings import Settings


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Gives the address of a server as a daemon has it, in a thread of this process."""
    anywhere = settings.model_copy(update={"api_port": 0})
    with listen(anywhere) as listener:
        server = ApiServer(anywhere, listener)
        try:
            yield server.start()
        finally:
            server.stop()
