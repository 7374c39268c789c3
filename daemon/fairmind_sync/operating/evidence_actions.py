"""What an operator does about evidence: has missing evidence tried again, or asks for it for old runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import owed_evidence
from fairmind_sync.storage.engine import current_time, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.provider_names import ProviderName

_CHUNK = 500

log = get_logger()


def retry(engine: Engine, providers: Sequence[ProviderName]) -> int:
    """Has all missing evidence of the providers' runs tried at once; returns that of how many runs."""
    with writing(engine) as connection:
        count = owed_evidence.try_now(connection, providers, current_time(engine))
    log.info("evidence.retried", providers=list(providers), count=count)
    return count


def backfill(engine: Engine, provider: ProviderName) -> int:
    """Asks for the evidence of all delivered runs that were never asked for any; returns of how many.

    Each 500 runs are one transaction: after an interruption, another call does the rest.
    """
    count, last = 0, 0
    while True:
        with writing(engine) as connection:
            ids = owed_evidence.without_state(connection, provider, last, _CHUNK)
            owed_evidence.ask_for(connection, ids, current_time(engine))
        if not ids:
            break
        count, last = count + len(ids), ids[-1]
    log.info("evidence.asked_for", provider=provider, count=count)
    return count
