"""Says why pending deliveries wait, in lists: their provider is
offline, blocked or paused; else each one's last error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fairmind_sync.outbox import provider_state
from fairmind_sync.results.states import BLOCKED, OFFLINE, PENDING
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


def held_back(name: str, provider: ProviderState) -> str | None:
    """Returns why the provider takes nothing now; None where nothing holds its deliveries back."""
    if provider.is_paused:
        return f"It waits: {name} is paused."
    if provider.state == BLOCKED:
        return f"It waits: {name} is blocked: {provider.reason}"
    if provider.state == OFFLINE:
        return f"It waits: {name} is offline: {provider.reason}"
    return None


def why_held_back(connection: Connection) -> dict[str, str]:
    """Returns in short why each provider that takes nothing now takes nothing, by its name."""
    states = provider_state.read_all(connection)
    found = ((name, held_back(name, state)) for name, state in states.items())
    return {name: cut_short(why.partition("\n")[0], _LONGEST) for name, why in found if why}


def providers_that_hold_back(connection: Connection) -> dict[str, HeldBack]:
    """Returns each provider that takes nothing now, by its name."""
    states = provider_state.read_all(connection)
    return {
        name: HeldBack(_PAUSED, None) if one.is_paused else HeldBack(one.state, one.reason)
        for name, one in states.items()
        if held_back(name, one)
    }


def reason_of(delivery: DeliveryRecord, held: Mapping[str, str], now: datetime) -> str | None:
    """Returns why the delivery waits, if that is known from `why_held_back`, else its last error."""
    return (held.get(delivery.provider) if waits(delivery, now) else None) or delivery.last_error


def waits(delivery: DeliveryRecord, now: datetime) -> bool:
    """Returns whether the delivery is pending and not under way."""
    is_under_way = delivery.lease_expires_at is not None and delivery.lease_expires_at > now
    return delivery.status == PENDING and not is_under_way
