"""Logs what of a delivery was not sent as saved: shortened or left
out parts, and keys in another spelling, once each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from fairmind_sync.event_log import get_logger
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.keys import Renaming

_MOST_RENAMINGS = 1_000

log = get_logger()


def log_adjustments(delivery: Delivery, adjusted: Sequence[str]) -> None:
    """Logs which parts of a delivery's content were shortened or left out, and each new spelling of a key."""
    for note in adjusted:
        if isinstance(note, Renaming):
            _tell_once(delivery.provider, note)
    of_content = tuple(note for note in adjusted if not isinstance(note, Renaming))
    if of_content:
        log.warning("delivery.content_adjusted", delivery=delivery.id, adjusted=of_content)


@lru_cache(maxsize=_MOST_RENAMINGS)
def _tell_once(provider: ProviderName, renaming: Renaming) -> None:
    log.info("key.spelled_otherwise", provider=provider, said=renaming)
