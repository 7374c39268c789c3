"""Runs uvicorn in a thread of the daemon; opens the listening socket,
and refuses to listen for other hosts without a token.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

import uvicorn

from fairmind_sync.api.app import create_app
from fairmind_sync.api.connection_count import most_connections
from fairmind_sync.api.connection_limits import ImpatientProtocol
from fairmind_sync.api.session import tokens_of
from fairmind_sync.errors import SettingsError
from fairmind_sync.settings import OF_THE_API

if TYPE_CHECKING:
    from fairmind_sync.settings import Settings

_LARGEST_HEAD = 64 * 1024
_LONGEST_QUEUE = 512


def require_guard(settings: Settings) -> None:
    """Does nothing where only this host can reach the API, or a token guards it.

    Raises:
        SettingsError: others could reach the API, and no token guards it; or tokens contradict each other.
    """
    tokens_of(settings)
    if settings.api_token is None and not _is_loopback(settings.api_host):
        raise SettingsError(
            f"FAIRMIND_SYNC_API_HOST is {settings.api_host}, where others can reach it: set "
            "FAIRMIND_SYNC_API_TOKEN to a secret of at least 16 characters, or listen on 127.0.0.1."
        )


def _queue() -> int:
    """Returns how many connections the system holds until the server accepts them, so many at once."""
    return min(_LONGEST_QUEUE, most_connections())


def listen(settings: Settings) -> socket.socket:
    """Returns a socket that listens on the settings' address.

    Raises:
        SettingsError: the address can't be listened on, or is open to others without a token; or one of the
            API's variables is wrong.
    """
    settings.require(*OF_THE_API)
    require_guard(settings)
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    # asyncio switches Nagle's delay, 40 ms an answer, off only for sockets that name their protocol
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.api_host, settings.api_port))
        listener.listen(_queue())
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"can't listen on {settings.api_host}:{settings.api_port}: {error.strerror}. "
            "Set FAIRMIND_SYNC_API_HOST and FAIRMIND_SYNC_API_PORT to a free address."
        ) from error
    return listener


class ApiServer:
    """The API's server, which runs in a thread from `start` to `stop`."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        config = uvicorn.Config(
            create_app(settings),
            http=ImpatientProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            backlog=_queue(),
            h11_max_incomplete_event_size=_LARGEST_HEAD,
            timeout_graceful_shutdown=2,
        )
        self._server = _CalmServer(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="api", daemon=True
        )
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> str:
        """Returns the API's URL once the server's thread runs."""
        self._thread.start()
        return self.url

    def stop(self) -> None:
        self._server.end()
        self._thread.join()


class _CalmServer(uvicorn.Server):
    """A server that wakes once a second and at its end, where uvicorn's wakes ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._end = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):  # 0 has the Date header made anew
            with suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), 1)

    def end(self) -> None:
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end.set)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
