"""Says in words by which bundles one delivery came from and went to other sites, for its explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairmind_sync.outbox import hand_over_lookup
from fairmind_sync.results.states import DEAD, DELIVERED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from fairmind_sync.outbox.attempt_lookup import Attempt
    from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
    from fairmind_sync.outbox.hand_over_lookup import WayOfDelivery


def hand_over_of(
    connection: Connection, delivery: DeliveryRecord, attempts: Sequence[Attempt]
) -> str | None:
    """Returns in words where the delivery came from and went to; None for one that did neither.

    `attempts` are those that were made here.
    """
    came = hand_over_lookup.came_from(connection, delivery.id)
    went = hand_over_lookup.went_to(connection, delivery.id)
    said = [
        f"It came from site {came.site}, in bundle {_named(came)}." if came else "",
        _went(delivery, attempts, went) if went else "",
    ]
    return " ".join(filter(None, said)) or None


def _went(
    delivery: DeliveryRecord, attempts: Sequence[Attempt], ways: Sequence[WayOfDelivery]
) -> str:
    if told := _deliverers(delivery, attempts, ways):
        return f"It was delivered by {' or by '.join(map(_site, told))}."
    way = ways[0]
    went = _site(way)
    if way.taken_back_at is not None:
        return f"It was handed over to {went}, and taken back."
    if delivery.status == DEAD:
        return (
            f"It was handed over to {went}, which did not deliver it. A retry hands it over once more, "
            "by the next: fairmind-sync bundle export --again"
        )
    return f"It was handed over to {went}."


def _deliverers(
    delivery: DeliveryRecord, attempts: Sequence[Attempt], ways: Sequence[WayOfDelivery]
) -> list[WayOfDelivery]:
    """Returns who may have delivered it: whose receipts came after its end; nobody else if this site did."""
    ended = delivery.finished_at
    if delivery.status != DELIVERED or ended is None:
        return []
    if any((one.outcome, one.finished_at) == ("delivered", ended) for one in attempts):
        return []
    return [way for way in ways if way.heard_at is not None and way.heard_at >= ended]


def _site(way: WayOfDelivery) -> str:
    return f"site {way.site}, in bundle {_named(way)} of {way.at:%Y-%m-%d %H:%M} UTC"


def _named(way: WayOfDelivery) -> str:
    return way.bundle_key[:8]
