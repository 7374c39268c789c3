"""Says on the page what a provider answers after an operator's resume had it asked again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fairmind_sync.outbox.provider_state import PROBE_TIME

if TYPE_CHECKING:
    from datetime import datetime

    from fairmind_sync.outbox.provider_state import ProviderState


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider answers, in words; `is_good` if it takes deliveries."""

    words: str
    is_awaited: bool = False
    is_good: bool = False


def answer_of(
    name: str, state: ProviderState, asked_at: datetime, now: datetime, *, alive: bool
) -> Answer:
    """Returns what came of having asked a provider that was paused, offline or blocked at that time."""
    if state.is_paused:
        return Answer(f"{name} is paused.")
    if state.is_ready:
        return Answer(f"{name} takes deliveries.", is_good=True)
    if _has_answered(state, asked_at, now):
        return Answer(f"{name} was asked again, and is still {state.state}: {state.reason}")
    if not alive:
        return Answer(f"No daemon is running, which would ask {name}.")
    return Answer(f"{name} is being asked.", is_awaited=True)


def _has_answered(state: ProviderState, asked_at: datetime, now: datetime) -> bool:
    """Returns whether a probe that began after the time has ended.

    A refusal has the next probe come a minute later or more. Being out of reach may have it come sooner, but
    tells the address, which asking again has forgotten. What neither tells is taken for told after a minute.
    """
    a_minute_later = asked_at + 2 * PROBE_TIME
    next_probe_at = state.next_probe_at or asked_at
    is_told = state.address is not None or next_probe_at >= a_minute_later
    return is_told or (next_probe_at > asked_at and now >= a_minute_later)
