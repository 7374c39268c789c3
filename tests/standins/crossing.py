"""Servers on loopback that pass bytes on to another server, in a thread of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from ssl import SSLContext
from typing import Any, TypeAlias

Talk: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def serving(talk: Talk, tls: SSLContext | None = None) -> Iterator[int]:
    """Has `talk` lead each connection during the block; yields the port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(_quietly(talk), "127.0.0.1", 0, ssl=tls))
    loop.set_exception_handler(lambda *_: None)  # clients that go away are part of the tests
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Connects the two streams with a server on loopback, until either side ends."""
    from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(_copy(reader, to_server), _copy(from_server, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def _quietly(talk: Talk) -> Talk:
    async def talked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.CancelledError):
            await talk(reader, writer)
        writer.close()

    return talked


async def _end(server: asyncio.Server) -> None:
    """Ends all that is under way; no connection is left for the garbage collector, which would warn of it."""
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    loop: Any = asyncio.get_running_loop()
    for connection in list(loop._transports.values()):
        connection.abort()
    for _ in range(2):  # rounds of the loop, in which connections say that they are lost
        await asyncio.sleep(0)
