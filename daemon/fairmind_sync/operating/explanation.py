"""Explains one delivery, found by the id of a test, delivery or run: why it is there or not, its attempts,
the next try, what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fairmind_sync.operating.hand_over_words import hand_over_of
from fairmind_sync.operating.remedies import remedy_for
from fairmind_sync.operating.status import decide_by
from fairmind_sync.operating.why_waiting import held_back
from fairmind_sync.outbox import attempt_lookup, delivery_lookup, heartbeat, provider_state
from fairmind_sync.outbox.delivery_lookup import LARGEST_ID, RunFilter
from fairmind_sync.provider_names import PROVIDERS, UNDECIDED
from fairmind_sync.results.error_kinds import ErrorKind, words_beside
from fairmind_sync.results.evidence_states import REFUSED, STORED
from fairmind_sync.results.states import (
    DEAD,
    DELIVERED,
    DISCARDED,
    HANDED_OVER,
    OFFLINE,
    PENDING,
)
from fairmind_sync.storage.engine import reading

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from fairmind_sync.outbox.attempt_lookup import Attempt
    from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
    from fairmind_sync.outbox.provider_state import ProviderState
    from fairmind_sync.settings import Settings


_UNTIL_RECEIPTS = (
    "Import that site's receipts; if the bundle was lost, run: fairmind-sync bundle export --again; if "
    "one of the two sites has new keys or a new database since, take the bundle back and export again: "
    "fairmind-sync bundle take-back"
)
_ELSEWHERE = {
    DISCARDED: ("It was given up and won't be sent.", None),
    HANDED_OVER: (
        "Another site has it and delivers it; no outcome has come home yet.",
        _UNTIL_RECEIPTS,
    ),
}
"""States in which nothing is done here, in words, and what somebody may do."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One delivery in words; `what_to_do` is None where nothing has to be done.

    `evidence` is None where the run has no evidence, and none was asked for. `hand_over` says by which bundle
    it came or went; None where it did neither. `remedy` is what the page of messages says of the last error,
    or of why the provider takes nothing.
    """

    delivery: DeliveryRecord
    attempts: list[Attempt]
    state: str
    last_error: str | None
    next_try: datetime | None
    what_to_do: str | None
    evidence: str | None
    hand_over: str | None = None
    remedy: str | None = None


def explain(engine: Engine, settings: Settings, named: str, now: datetime) -> list[Explanation]:
    """Explains each delivery of the test of that id, newest first; else the delivery, or run, of that id.

    Returns an empty list where there is none.
    """
    with reading(engine) as connection:
        found = _named(connection, named)
        alive = heartbeat.any_alive(connection, now)
        return [_explain(connection, delivery, settings, now, alive=alive) for delivery in found]


def _named(connection: Connection, named: str) -> list[DeliveryRecord]:
    of_test = delivery_lookup.deliveries(connection, RunFilter(test_id=named))
    if of_test:
        return of_test
    if named.isascii() and named.isdigit() and len(named) < len(str(LARGEST_ID)):
        one = delivery_lookup.deliveries(connection, RunFilter(delivery_id=int(named)))
        if one:
            return one
    runs = (delivery_lookup.delivery_by_run(connection, name, named) for name in PROVIDERS)
    return [delivery for delivery in runs if delivery]


def _explain(
    connection: Connection,
    delivery: DeliveryRecord,
    settings: Settings,
    now: datetime,
    *,
    alive: bool,
) -> Explanation:
    provider = provider_state.read(connection, delivery.provider)
    state, what_to_do = _words(delivery, provider, settings, now, alive=alive)
    is_pending = delivery.status == PENDING
    attempts = attempt_lookup.attempts(connection, delivery.id)
    return Explanation(
        delivery=delivery,
        attempts=attempts,
        state=state,
        last_error=_last_error(delivery),
        next_try=_next_try(delivery, provider) if is_pending else None,
        what_to_do=what_to_do,
        evidence=_evidence(delivery),
        hand_over=hand_over_of(connection, delivery, attempts),
        remedy=_remedy(delivery, provider),
    )


def _words(
    delivery: DeliveryRecord,
    provider: ProviderState,
    settings: Settings,
    now: datetime,
    *,
    alive: bool,
) -> tuple[str, str | None]:
    name = delivery.provider
    if delivery.status == DELIVERED:
        return _where_it_is(delivery), _add_evidence(delivery)
    if delivery.status in _ELSEWHERE:
        return _ELSEWHERE[delivery.status]
    if delivery.status == DEAD:
        return (
            f"{name} did not take it, and it won't be tried again by itself.",
            f"Fix the reason, then run: fairmind-sync retry {delivery.id}",
        )
    if name not in settings.enabled:
        return _not_enabled(name, settings)
    if delivery.lease_expires_at is not None and delivery.lease_expires_at > now:
        return "It is being sent at this moment.", None
    return _why_it_waits(delivery, provider, now, alive=alive)


def _where_it_is(delivery: DeliveryRecord) -> str:
    run = delivery.run_url or f"run {delivery.run_id}"
    if delivery.last_error_kind == ErrorKind.RUN_DELETED:
        return f"It was at {delivery.provider}, and somebody deleted it there: {run}"
    return f"It is at {delivery.provider}: {run}"


def _evidence(delivery: DeliveryRecord) -> str | None:
    """Returns, in words, whether a delivered run has its evidence, and what becomes of missing evidence."""
    if delivery.status != DELIVERED or delivery.evidence_state is None:
        return None
    if delivery.evidence_state == STORED:
        return "Its evidence is stored with it."
    again = "It is tried again." if delivery.evidence_due_at else "It is not tried again by itself."
    reason = delivery.evidence_reason or "It has not been tried yet"
    return f"Its evidence is not stored: {reason.rstrip('.')}. {again}"


def _add_evidence(delivery: DeliveryRecord) -> str | None:
    if delivery.evidence_state != REFUSED:
        return None
    return "Fix why its evidence is refused, then run: fairmind-sync evidence --retry"


def _not_enabled(name: str, settings: Settings) -> tuple[str, str]:
    if name == UNDECIDED:
        return "It waits: nobody knows yet for which providers.", decide_by(settings)
    return f"It waits, but {name} is not enabled.", f"Add {name} to MLOPS_PROVIDER."


def _why_it_waits(
    delivery: DeliveryRecord, provider: ProviderState, now: datetime, *, alive: bool
) -> tuple[str, str | None]:
    name = delivery.provider
    start = None if alive else "No daemon is running. Run: fairmind-sync run"
    if held := held_back(provider):
        return held.sentence(name), _what_ends_it(name, provider, start)
    if delivery.due_at > now:
        return f"It waits for its next try, after {delivery.attempts} that failed.", start
    return "It is next.", start


def _what_ends_it(name: str, provider: ProviderState, start: str | None) -> str | None:
    """Returns what ends the wait for a provider that takes nothing; `start` is how to start a daemon."""
    if provider.is_paused:
        return f"Run: fairmind-sync resume {name}"
    if provider.state == OFFLINE:
        return start
    return (
        start or f"Fix that; it is tried again within 2 minutes, or by: fairmind-sync resume {name}"
    )


def _last_error(delivery: DeliveryRecord) -> str | None:
    if delivery.last_error is None:
        return None
    words = words_beside(delivery.last_error_kind, delivery.last_error)
    return f"{words}: {delivery.last_error}" if words else delivery.last_error


def _remedy(delivery: DeliveryRecord, provider: ProviderState) -> str | None:
    is_waiting = delivery.status == PENDING and not provider.is_ready
    told = provider.reason if is_waiting else delivery.last_error
    found = None if delivery.status == DELIVERED else remedy_for(told, delivery.provider)
    return found.what_to_do if found else None


def _next_try(delivery: DeliveryRecord, provider: ProviderState) -> datetime | None:
    if provider.is_paused:
        return None
    return max(delivery.due_at, provider.next_probe_at or delivery.due_at)
