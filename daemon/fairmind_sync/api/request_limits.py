"""How many requests are answered at once (the surplus gets 503 and Retry-After), and how many wait for
deliveries; health has places of its own.

A flood must leave the daemon room to work, and an orchestrator must not take a crowded daemon for a dead one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from fairmind_sync.api.connection_count import most_connections
from fairmind_sync.api.problems import problem
from fairmind_sync.event_log import get_logger

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive

HEALTH = ("/healthz", "/readyz", "/metrics")
MOST_AT_ONCE = 100
"""Requests that are answered at once, those for health apart; each may hold a body of 16 MB."""
MOST_FOR_HEALTH = 16
MOST_WAITING = 24
"""Requests of one process that wait for deliveries at the same time."""
COME_BACK_S = 5
_SKIP_S = 1.0

log = get_logger()


class Room:
    """The places of an application's requests."""

    def __init__(self) -> None:
        self._taken = {True: 0, False: 0}
        self._was_full = False

    @contextmanager
    def place(self, path: str) -> Iterator[bool]:
        """Yields whether there is a place for a request to that path, which has it until the block's end."""
        for_health = path in HEALTH
        if self._taken[for_health] >= self._most(for_health=for_health):
            self._tell()
            yield False
            return
        self._taken[for_health] += 1
        try:
            yield True
        finally:
            self._taken[for_health] -= 1
            self._was_full = self._was_full and self._taken[for_health] > 0

    def _most(self, *, for_health: bool) -> int:
        return MOST_FOR_HEALTH if for_health else min(MOST_AT_ONCE, most_connections() // 2)

    def _tell(self) -> None:
        """Logs that requests are refused: once, until the crowd is gone."""
        if not self._was_full:
            log.warning(
                "api.crowded", most=MOST_AT_ONCE, reason="more requests at once are refused"
            )
        self._was_full = True


def crowded() -> Response:
    """Returns the answer to a request for which there is no place."""
    return problem(
        503,
        "too many requests at once; nothing was done for this one. Send it again after Retry-After.",
        {"Retry-After": str(COME_BACK_S), "Connection": "close"},
    )


def crowded_reply() -> bytes:
    """Returns that answer as HTTP/1.1, for a connection that is refused before it has said anything."""
    answer = crowded()
    head = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
    return b"HTTP/1.1 503 Service Unavailable\r\n" + head + b"\r\n" + bytes(answer.body)


async def skip_body(receive: Receive) -> None:
    """Reads what still comes of a request, for a moment: an answer before that would be lost on the way."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_SKIP_S):
            while (await receive()).get("more_body", False):
                pass


class WaitingRoom:
    """The places of requests that wait for a delivery; in a crowd, who waits longest stops waiting."""

    def __init__(self) -> None:
        self._waiting: list[WaitingPlace] = []

    @contextmanager
    def place(self) -> Iterator[WaitingPlace]:
        """Yields a place, which is given up at the block's end."""
        mine = WaitingPlace()
        self._waiting.append(mine)
        for oldest in self._waiting[: -self._most()]:
            oldest.is_over = True
        try:
            yield mine
        finally:
            self._waiting.remove(mine)

    def _most(self) -> int:
        return max(1, min(MOST_WAITING, most_connections() // 4))


class WaitingPlace:
    """A place to wait; `is_over` tells that somebody else needs it."""

    def __init__(self) -> None:
        self.is_over = False
