"""Reads by which bundle a delivery went to another site or came from
one, and how many are out without news.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from fairmind_sync.results.states import HANDED_OVER
from fairmind_sync.storage.tables import (
    arrivals_table,
    bundles_table,
    hand_overs_table,
    outbox_table,
    trusted_sites_table,
)


@dataclass(frozen=True, slots=True)
class WayOfDelivery:
    """A site that a delivery went to, or came from, by which bundle, and when.

    `taken_back_at` and `heard_at` are of deliveries that went out.
    """

    site: str
    bundle_key: str
    at: datetime
    taken_back_at: datetime | None = None
    heard_at: datetime | None = None


def went_to(connection: Connection, delivery_id: int) -> list[WayOfDelivery]:
    """Returns whom the delivery was handed over to, the last first."""
    of = hand_overs_table.c
    chosen = (
        _named(of, "out")
        .add_columns(of.bundle_key, of.handed_over_at, of.taken_back_at, of.heard_at)
        .where(of.delivery_id == delivery_id)
        .order_by(of.handed_over_at.desc())
    )
    return [WayOfDelivery(*row) for row in connection.execute(chosen)]


def came_from(connection: Connection, delivery_id: int) -> WayOfDelivery | None:
    """Returns which site the delivery came from, first; None if it was saved here."""
    of = arrivals_table.c
    chosen = (
        _named(of, "in")
        .add_columns(of.bundle_key, of.arrived_at)
        .where(of.delivery_id == delivery_id)
        .order_by(of.arrived_at)
    )
    row = connection.execute(chosen).first()
    return WayOfDelivery(*tuple(row)) if row else None


def is_replaced(connection: Connection, bundle_key: str) -> bool:
    """Returns whether everything that the bundle held went to its site once more, in newer bundles."""
    newest_of_any = select(hand_overs_table.c.delivery_id).where(
        hand_overs_table.c.bundle_key == bundle_key
    )
    return connection.execute(newest_of_any.limit(1)).first() is None


def unheard(connection: Connection, before: datetime) -> int:
    """Returns how many deliveries were handed over before that moment, and are out still."""
    of = hand_overs_table.c
    out_still = (
        select(func.count(of.delivery_id.distinct()))
        .join_from(hand_overs_table, outbox_table)
        .where(outbox_table.c.status == HANDED_OVER, of.handed_over_at < before)
        .where(of.taken_back_at.is_(None))
    )
    return int(connection.execute(out_still).scalar_one())


def _named(of: Any, direction: str) -> Select[Any]:
    """Returns the query for the site's name: today's, else the one that it had in the bundle."""
    trusted = trusted_sites_table.c.fingerprint == of.site
    told = (bundles_table.c.bundle_key == of.bundle_key) & (bundles_table.c.direction == direction)
    name = func.coalesce(trusted_sites_table.c.name, bundles_table.c.site_name, of.site)
    table = of.site.table
    return select(name).select_from(
        table.outerjoin(trusted_sites_table, trusted).outerjoin(bundles_table, told)
    )
