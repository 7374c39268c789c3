"""How everything stands, in one sentence for somebody on call: what is wrong, then what waits; also one
provider's state as people are told it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from fairmind_sync.results.states import BLOCKED, OFFLINE, READY
from fairmind_sync.text import counted, lasting

if TYPE_CHECKING:
    from fairmind_sync.outbox.dead_causes import DeadCause

UNUSED = "not used yet"
"""The state of a ready provider that has taken nothing so far: nobody knows whether it would."""


@dataclass(frozen=True, slots=True)
class Headline:
    """A sentence; `mood` is 'good', 'wait' where time will do, or 'bad' where somebody has to act."""

    text: str
    mood: str


def state_of(standing: Mapping[str, Any]) -> str:
    """Returns a provider's state as people are told it, from an entry of `status.overview`."""
    if not standing["enabled"]:
        return "disabled"
    if standing["paused_at"]:
        return "paused"
    has_taken = standing["last_success_at"] is not None or standing["delivered"]
    return UNUSED if standing["state"] == READY and not has_taken else str(standing["state"])


def headline(overview: Mapping[str, Any], causes: Sequence[DeadCause], now: datetime) -> Headline:
    """Returns how things stand: what is wrong first, then what waits."""
    providers = overview["providers"]
    waiting = sum(one["pending"] for one in providers.values() if one["enabled"])
    wrong = [*_wrong(overview, causes, waiting, now)]
    held = [*_held(providers, now)]
    if wrong or held:
        return Headline(f"{'; '.join([*wrong, *held])}.", "bad" if wrong else "wait")
    if not any(one["enabled"] for one in providers.values()):
        return Headline("No provider is enabled: results are saved, and delivered nowhere.", "bad")
    if waiting:
        return Headline(f"{_deliveries(waiting)} on the way.", "wait")
    if away := sum(one["handed_over"] for one in providers.values()):
        return Headline(f"{_deliveries(away)} handed over, without an outcome so far.", "wait")
    delivered = sum(one["delivered"] for one in providers.values())
    return Headline(
        "Everything is delivered." if delivered else "Nothing is saved yet: save a result.", "good"
    )


def _wrong(
    overview: Mapping[str, Any], causes: Sequence[DeadCause], waiting: int, now: datetime
) -> Iterator[str]:
    """Yields what somebody has to do something about."""
    if not overview["daemon_alive"]:
        yield "No daemon runs" + (f": {_deliveries(waiting)} waiting" if waiting else "")
    for name, one in overview["providers"].items():
        if one["enabled"] and one["state"] == BLOCKED:
            yield f"{name} refuses us{_for(one['since'], now)}: {one['pending']:,} waiting"
    dead = sum(one["dead"] for one in overview["providers"].values())
    if dead:
        several = f" of {len(causes)} causes" if len(causes) > 1 else ""
        yield f"{dead:,} dead{several}"


def _held(providers: Mapping[str, Mapping[str, Any]], now: datetime) -> Iterator[str]:
    """Yields what waits until a provider is back, or until an operator ends a pause."""
    for name, one in providers.items():
        if one["enabled"] and one["paused_at"]:
            yield f"{name} paused{_for(one['paused_at'], now)}: {one['pending']:,} waiting"
        elif one["enabled"] and one["state"] == OFFLINE:
            yield f"{name} offline{_for(one['since'], now)}: {one['pending']:,} waiting"


def _for(since: datetime | None, now: datetime) -> str:
    if since is None:
        return ""
    return f" for {lasting(max(now - since, timedelta(seconds=1)))}"


def _deliveries(count: int) -> str:
    return counted(count, "delivery", "deliveries")
