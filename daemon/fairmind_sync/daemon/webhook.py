"""Tells a webhook what is notable, signed by the Standard Webhooks scheme, again until it is taken."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from fairmind_sync import __version__
from fairmind_sync.daemon.notable import news
from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import webhook_events
from fairmind_sync.storage.engine import current_time, reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.outbox.webhook_events import DueEvent
    from fairmind_sync.settings import Settings

SECRET_BEGINS = "whsec_"  # noqa: S105 how a secret begins, as Standard Webhooks has it
_TIMEOUT_S = 10
_AT_ONCE = 20

log = get_logger()


class Webhook:
    """Notices and tells; of several daemons each notices, and one of them tells."""

    def __init__(self, engine: Engine, settings: Settings, should_stop: Callable[[], bool]) -> None:
        self._engine = engine
        self._settings = settings
        self._should_stop = should_stop
        self._opener = build_opener(_NoRedirect)

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
        url = self._settings.webhook_url
        if url is None:
            return "FAIRMIND_SYNC_WEBHOOK_URL is not set any more"
        body = event.body.encode()
        sent_at = int(current_time(self._engine).timestamp())
        headers = {"Content-Type": "application/json", "User-Agent": f"fairmind-sync/{__version__}"}
        headers |= self._signature(event.message_id, sent_at, body)
        try:
            request = Request(url.get_secret_value(), body, headers, method="POST")  # noqa: S310 checked: http(s)
            with self._opener.open(request, timeout=_TIMEOUT_S):
                return None
        except HTTPError as error:
            return f"the receiver answered {error.code}"
        except (URLError, HTTPException, OSError) as error:
            return f"the receiver can't be reached: {getattr(error, 'reason', error)}"

    def _signature(self, message_id: str, sent_at: int, body: bytes) -> dict[str, str]:
        """Returns the headers of Standard Webhooks; without a signature where there is no secret."""
        named = {"webhook-id": message_id, "webhook-timestamp": str(sent_at)}
        secret = self._settings.webhook_secret
        if secret is None:
            return named
        key = b64decode(secret.get_secret_value().removeprefix(SECRET_BEGINS))
        signed = f"{message_id}.{sent_at}.".encode() + body
        digest = b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return named | {"webhook-signature": f"v1,{digest}"}


class _NoRedirect(HTTPRedirectHandler):
    """Follows nothing: a POST that is redirected would become a GET, and be taken for delivered."""

    def redirect_request(self, *_arguments: object) -> None:
        return None
