"""Keeps news as events, and sends the events that are due, in the daemon; `notable` finds the news,
`webhook_request` sends one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fairmind_sync.daemon.notable import news
from fairmind_sync.daemon.webhook_request import post
from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import webhook_events
from fairmind_sync.storage.engine import current_time, reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.outbox.webhook_events import DueEvent
    from fairmind_sync.settings import Settings

_AT_ONCE = 20

log = get_logger()


class Webhook:
    """Notices and tells; of several daemons each notices, and one of them tells."""

    def __init__(self, engine: Engine, settings: Settings, should_stop: Callable[[], bool]) -> None:
        self._engine = engine
        self._settings = settings
        self._should_stop = should_stop

    def look(self) -> None:
        """Keeps what is new, and sends what is due; at most `_AT_ONCE` events, the rest at the next look.

        Where there is nothing to tell, nothing is written: a commit would wake up whoever looks for work.
        """
        now = current_time(self._engine)
        with reading(self._engine) as connection:
            begun = webhook_events.begun_at(connection)
            found = news(connection, self._settings, begun, now) if begun else []
            is_any_due = webhook_events.is_any_due(connection, now)
        if begun is None or found:
            with writing(self._engine) as connection:
                now = current_time(self._engine)
                webhook_events.begin(connection, now)
                for one in found:
                    webhook_events.add(connection, one.key, one.body(now), now)
        if found or is_any_due:
            self._send_all()

    def _send_all(self) -> None:
        for _ in range(_AT_ONCE):
            if self._should_stop() or not self._send_next():
                return

    def _send_next(self) -> bool:
        """Sends the oldest event that is due; returns whether it was taken."""
        with writing(self._engine) as connection:
            event = webhook_events.take(connection, current_time(self._engine))
        if event is None:
            return False
        error = self._send(event)
        with writing(self._engine) as connection:
            now = current_time(self._engine)
            if error is None:
                webhook_events.note_taken(connection, event, now)
                return True
            is_tried_again = webhook_events.note_refused(connection, event, error, now)
        log.warning(
            "webhook.refused", event_key=event.event_key, reason=error, tried_again=is_tried_again
        )
        return False

    def _send(self, event: DueEvent) -> str | None:
        """Returns why the event was not taken; None if it was."""
        now = current_time(self._engine)
        return post(self._settings, event.message_id, event.body, now).trouble
