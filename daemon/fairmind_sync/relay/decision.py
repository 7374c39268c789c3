"""Decides, once MLOPS_PROVIDER makes sense, to whom results are owed that were saved while it made none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import undecided, workload
from fairmind_sync.provider_names import UNDECIDED
from fairmind_sync.storage.engine import current_time, reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.settings import Settings

log = get_logger()


def decide(engine: Engine, settings: Settings) -> bool:
    """Owes what is undecided to the enabled providers, if MLOPS_PROVIDER names some and no wrong one.

    Returns:
        Whether anything was undecided and is no more.
    """
    if not settings.enabled or UNDECIDED in settings.owed:
        return False
    with reading(engine) as connection:
        count = workload.pending(connection, UNDECIDED)
    decided = 0
    while count > 0:
        with writing(engine) as connection:
            count = undecided.decide(connection, settings.enabled, current_time(engine))
        decided += count
    if decided:
        log.info("deliveries.decided", count=decided, providers=settings.enabled)
    return decided > 0
