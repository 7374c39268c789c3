"""Cuts connections of the API's server: those without a whole request head in time, and, where there are too
many, the silent or the newest.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from fairmind_sync.api.connection_count import most_connections
from fairmind_sync.api.request_limits import crowded_reply

HEAD_SECONDS = 10.0
"""A client that needs longer for a request's head is cut off."""
SILENCE_SECONDS = 1.0
"""A connection that has been silent for longer makes way for a new one, where there are too many."""


class ImpatientProtocol(H11Protocol):
    """Cuts a connection that doesn't bring a whole request head in time; uvicorn waits for ever.

    `silent_since` is when the connection began to owe a head, by the loop's clock; None while a request of
    the connection is answered.
    """

    silent_since: float | None = None
    _is_refused = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > most_connections() and not self._makes_way():
            self._refuse()
        else:
            self.silent_since = self.loop.time()
            self._expect_head()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._deadline is None:
            self._expect_head()
        super().data_received(data)

    def handle_events(self) -> None:
        super().handle_events()
        if self.conn.their_state is not h11.IDLE:  # the head is there
            self._forget_deadline()
            self.silent_since = None

    def on_response_complete(self) -> None:
        self.silent_since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def _refuse(self) -> None:
        """Answers that there are too many, and reads on for a moment: else the system may drop the answer."""
        self._is_refused = True
        self.transport.write(crowded_reply())
        if len(self.connections) > 1.5 * most_connections():
            self.transport.close()
        else:
            self.transport.write_eof()
            self._deadline = self.loop.call_later(SILENCE_SECONDS, self.transport.close)

    def _makes_way(self) -> bool:
        """Cuts the connection that has been silent longest; returns False if all are busy or just came."""
        others: set[ImpatientProtocol] = self.connections - {self}  # type: ignore[assignment]
        silent = [one for one in others if one.silent_since is not None]
        oldest = min(silent, key=lambda one: one.silent_since or 0, default=None)
        if oldest is None or self.loop.time() - (oldest.silent_since or 0) < SILENCE_SECONDS:
            return False
        oldest.silent_since = None
        oldest.transport.close()
        return True

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
