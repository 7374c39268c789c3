"""The doctor's check of the webhook: whether one is set, and whether the receiver takes events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fairmind_sync.operating.finding import Finding
from fairmind_sync.outbox import webhook_events
from fairmind_sync.settings import OF_THE_WEBHOOK
from fairmind_sync.storage.engine import reading
from fairmind_sync.text import counted

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.settings import Settings

_NAME = "webhook"


def webhook_findings(engine: Engine, settings: Settings) -> Iterator[Finding]:
    """Yields one finding; none where a variable is wrong, as that is told by itself."""
    if settings.mistakes_in(*OF_THE_WEBHOOK):
        return
    if settings.webhook_url is None:
        yield Finding(_NAME, "none is set (FAIRMIND_SYNC_WEBHOOK_URL), so nobody is told of deaths")
        return
    with reading(engine) as connection:
        found = webhook_events.telling(connection)
    signed = "signed" if settings.webhook_secret else "unsigned"
    if found.waiting:
        yield Finding(
            _NAME,
            f"{counted(found.waiting, 'event')} not taken: {found.last_error}",
            "Look at that address; see what it answers: fairmind-sync webhook test",
        )
    elif found.last_sent_at is None:
        yield Finding(
            _NAME, f"set, {signed}; nothing was told yet. Try: fairmind-sync webhook test"
        )
    else:
        last = f"{found.last_sent_at:%Y-%m-%d %H:%M}"
        yield Finding(_NAME, f"set, {signed}; it took its last event at {last} UTC")
