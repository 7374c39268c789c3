"""Whom to blame for a failure: probes the provider to tell whether it is away or the delivery is bad; records
a provider as offline or blocked, and logs that once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from fairmind_sync.errors import (
    ProviderBlockedError,
    ProviderNotInstalledError,
    ProviderUnavailableError,
)
from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import provider_state
from fairmind_sync.provider_names import NOT_AVAILABLE
from fairmind_sync.providers import logging_error, probe
from fairmind_sync.redaction import redact
from fairmind_sync.storage.engine import writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.providers.base import Provider
    from fairmind_sync.relay.batch import LeasedBatch

log = get_logger()


def is_away(provider: Provider, batch: LeasedBatch) -> bool:
    """Returns whether the provider, and not a delivery, is to blame for a delivery's failure.

    A failure is the delivery's own only if the provider answers a probe at that moment. After a probe that
    failed, the batch stops, and the provider is not asked again.
    """
    if batch.stopped_by is None:
        try:
            probe(provider)
        except ProviderUnavailableError as error:
            batch.stop(error)
    return batch.stopped_by is not None


def note_unavailable(
    engine: Engine,
    provider: ProviderName,
    error: ProviderUnavailableError,
    chance: Random,
    clock: Callable[[], datetime],
    secrets: tuple[str, ...] = (),
) -> None:
    """Records why the provider takes nothing; logs the reason when it is new, not at each probe."""
    reason = redact(str(error), secrets)
    with writing(engine) as connection:
        is_new = provider_state.note_unavailable(
            connection, provider, error, reason, chance=chance, now=clock()
        )
    if is_new:
        event = (
            "provider.blocked" if isinstance(error, ProviderBlockedError) else "provider.offline"
        )
        missing = isinstance(error, ProviderNotInstalledError)
        words = NOT_AVAILABLE if missing else logging_error(provider)
        log.error(event, provider=provider, reason=reason, fairmind=words)
