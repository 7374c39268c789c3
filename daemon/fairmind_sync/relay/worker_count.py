"""How many worker processes a provider's backlog is worth: one, or more from 200 pending deliveries on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairmind_sync import providers

if TYPE_CHECKING:
    from fairmind_sync.provider_names import ProviderName

LARGE_BACKLOG = 200
"""So many pending deliveries make a provider's second process worth its start."""


def most_processes(provider: ProviderName) -> int:
    return providers.folder(provider).PROCESSES


def processes_for(provider: ProviderName, pending: int) -> int:
    """Returns how many processes so many pending deliveries are worth."""
    return most_processes(provider) if pending >= LARGE_BACKLOG else 1
