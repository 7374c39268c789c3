"""Reads a request's body within limits: how many bytes it may have, and how soon it has to be there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import Message, Receive

LARGEST_BODY = 16 * 1024 * 1024
"""Bytes of a request's body; more than W&B takes of a run."""
LARGEST_OPEN_BODY = 64 * 1024
"""Bytes of a body on a path that needs no token: a form holds no more."""
BODY_SECONDS = 15.0


class BodyError(Exception):
    """A body was refused; `status` is the answer's."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


async def read_body(headers: Headers, receive: Receive, largest: int) -> bytes:
    """Returns the whole body.

    Raises:
        BodyError: the body is too large, or comes too slowly.
    """
    announced = headers.get("content-length", "0")
    if not announced.isdecimal():
        raise BodyError(400, "the Content-Length header is no number")
    if int(announced) > largest:
        raise _too_large(largest)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_all(receive, largest)
    except TimeoutError:
        raise BodyError(408, f"the request did not arrive within {BODY_SECONDS:.0f} s") from None


async def _read_all(receive: Receive, largest: int) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > largest:
            raise _too_large(largest)
        more = message.get("more_body", False)
    return bytes(body)


def _too_large(largest: int) -> BodyError:
    return BodyError(413, f"the body is larger than {largest // 1024} KB")


def replay_body(body: bytes, receive: Receive) -> Receive:
    """Returns a `receive` that gives the body that was read, then what else comes: the connection's end."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
