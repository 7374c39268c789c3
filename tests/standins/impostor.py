"""A server that gives one answer to everything: a page to sign in, a gateway, another program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.standins.loopback import FaultyHandler, LoopbackServer, Reply


@contextmanager
def impostor(answer: Reply) -> Iterator[str]:
    """Serves during the block; gives the server's address."""
    server = LoopbackServer(0, _Handler, owner=answer)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.stop()


class _Handler(FaultyHandler):
    def _answer(self) -> None:
        self.read_body()
        assert isinstance(self.server.owner, Reply)
        self.reply(self.server.owner)

    do_GET = do_POST = do_PATCH = do_CONNECT = _answer  # noqa: N815 names that http.server looks for
