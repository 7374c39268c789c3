"""Says in words by which bundles one delivery came from and went to other sites, for its explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairmind_sync.outbox import hand_over_lookup
from fairmind_sync.results.states import DEAD, DELIVERED

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
    from fairmind_sync.outbox.hand_over_lookup import WayOfDelivery


def hand_over_of(connection: Connection, delivery: DeliveryRecord) -> str | None:
    """Returns in words where the delivery came from and went to; None for one that did neither."""
    came = hand_over_lookup.came_from(connection, delivery.id)
    went = hand_over_lookup.went_to(connection, delivery.id)
    said = [
        f"It came from site {came.site}, in bundle {_named(came)}." if came else "",
        _went(delivery.status, went) if went else "",
    ]
    return " ".join(filter(None, said)) or None


def _went(status: str, way: WayOfDelivery) -> str:
    went = f"site {way.site}, in bundle {_named(way)} of {way.at:%Y-%m-%d %H:%M} UTC"
    if status == DELIVERED and way.heard_at is not None:
        return f"It was delivered by {went}."
    if way.taken_back_at is not None:
        return f"It was handed over to {went}, and taken back."
    if status == DEAD:
        return (
            f"It was handed over to {went}, which did not deliver it. A retry hands it over once more, "
            "by the next: fairmind-sync bundle export --again"
        )
    return f"It was handed over to {went}."


def _named(way: WayOfDelivery) -> str:
    return way.bundle_key[:8]
