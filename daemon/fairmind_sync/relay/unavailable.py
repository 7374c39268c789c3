"""Records that a provider takes nothing at present, and logs each new reason once."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

import structlog

from fairmind_sync.errors import ProviderBlockedError, ProviderUnavailableError
from fairmind_sync.outbox import provider_state
from fairmind_sync.redaction import redact
from fairmind_sync.storage.engine import writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.provider_names import ProviderName

log = structlog.get_logger()


def note_unavailable(
    engine: Engine,
    provider: ProviderName,
    error: ProviderUnavailableError,
    chance: Random,
    now: datetime,
    secrets: tuple[str, ...] = (),
) -> None:
    """Records why the provider takes nothing; logs the reason when it is new, not at each probe."""
    reason = redact(str(error), secrets)
    with writing(engine) as connection:
        is_new = provider_state.note_unavailable(
            connection, provider, error, reason, chance=chance, now=now
        )
    if is_new:
        event = (
            "provider.blocked" if isinstance(error, ProviderBlockedError) else "provider.offline"
        )
        log.error(event, provider=provider, reason=reason)
