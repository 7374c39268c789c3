"""Says why pending deliveries wait, in lists: their provider is
offline, blocked or paused; else each one's last error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fairmind_sync.outbox import provider_state
from fairmind_sync.results.states import PENDING
from fairmind_sync.text import cut_short

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
    from fairmind_sync.outbox.provider_state import ProviderState

_LONGEST = 200
_PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A provider that takes nothing now: 'paused', 'blocked' or 'offline', and its whole reason, if any."""

    word: str
    reason: str | None

    def sentence(self, name: str) -> str:
        """Returns why the provider of that name takes nothing."""
        said = f"It waits: {name} is {self.word}"
        return f"{said}." if self.word == _PAUSED else f"{said}: {self.reason}"


def held_back(provider: ProviderState) -> HeldBack | None:
    """Returns what holds the provider's deliveries back; None where nothing does."""
    if provider.is_paused:
        return HeldBack(_PAUSED, None)
    return None if provider.is_ready else HeldBack(provider.state, provider.reason)


def providers_that_hold_back(connection: Connection) -> dict[str, HeldBack]:
    """Returns each provider that takes nothing now, by its name."""
    states = provider_state.read_all(connection)
    return {name: held for name, state in states.items() if (held := held_back(state))}


def why_held_back(connection: Connection) -> dict[str, str]:
    """Returns in short why each provider that takes nothing now takes nothing, by its name."""
    found = providers_that_hold_back(connection)
    whole = {name: held.sentence(name) for name, held in found.items()}
    return {name: cut_short(why.partition("\n")[0], _LONGEST) for name, why in whole.items()}


def reason_of(delivery: DeliveryRecord, held: Mapping[str, str], now: datetime) -> str | None:
    """Returns why the delivery waits, if that is known from `why_held_back`, else its last error."""
    return (held.get(delivery.provider) if waits(delivery, now) else None) or delivery.last_error


def waits(delivery: DeliveryRecord, now: datetime) -> bool:
    """Returns whether the delivery is pending and not under way."""
    is_under_way = delivery.lease_expires_at is not None and delivery.lease_expires_at > now
    return delivery.status == PENDING and not is_under_way
