"""A proxy that leads to one server on loopback, whatever host it is asked for: by CONNECT or by SOCKS 5."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager

from tests.standins.crossing import pass_on, serving

_SOCKS_5 = b"\x05"
_NOBODY_MATCHES, _BY_PASSWORD, _FOR_ALL = b"\xff", b"\x02", b"\x00"
_NAME = 3
_ADDRESS_LENGTH = {1: 4, 4: 16}


class ForwardProxy:
    """`asked` are the hosts that clients wanted. With `user` and `password`, nobody else gets through."""

    def __init__(self, to: int, user: str, password: str) -> None:
        self.asked: set[str] = set()
        self.port = 0
        self._to = to
        self._user = user
        self._password = password

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        leads_on = self._socks if first == _SOCKS_5 else self._tunnel
        if await leads_on(reader, writer):
            await pass_on(reader, writer, self._to)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        sign = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        if self._user and f"Proxy-Authorization: Basic {sign}\r\n".lower() not in head.lower():
            refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
            await _answer(writer, refusal)
            return False
        self.asked.add(head.split()[1].rpartition(":")[0])
        await _answer(writer, b"HTTP/1.1 200 Connection established\r\n\r\n")
        return True

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        offered = await _counted(reader)
        wanted = _BY_PASSWORD if self._user else _FOR_ALL
        if wanted not in offered:
            await _answer(writer, _SOCKS_5 + _NOBODY_MATCHES)
            return False
        await _answer(writer, _SOCKS_5 + wanted)
        if self._user and not await self._is_signed(reader, writer):
            return False
        *_, kind = await reader.readexactly(4)
        host = await (
            _counted(reader) if kind == _NAME else reader.readexactly(_ADDRESS_LENGTH[kind])
        )
        await reader.readexactly(2)  # the port
        self.asked.add(host.decode("latin-1"))
        await _answer(writer, b"\x05\x00\x00\x01" + bytes(6))
        return True

    async def _is_signed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await reader.readexactly(1)  # the version of this part
        given = (await _counted(reader), await _counted(reader))
        is_right = given == (self._user.encode(), self._password.encode())
        await _answer(writer, b"\x01\x00" if is_right else b"\x01\x01")
        return is_right


@contextmanager
def forward_proxy(to: int, user: str = "", password: str = "") -> Iterator[ForwardProxy]:
    """Runs during the block, before the server at port `to`."""
    proxy = ForwardProxy(to, user, password)
    with serving(proxy.talk) as port:
        proxy.port = port
        yield proxy


async def _counted(reader: asyncio.StreamReader) -> bytes:
    (length,) = await reader.readexactly(1)
    return await reader.readexactly(length)


async def _answer(writer: asyncio.StreamWriter, answer: bytes) -> None:
    writer.write(answer)
    await writer.drain()
