"""The list of bundles that were written and read here, each with how many of its deliveries are out still.

Each function runs inside the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, and_, func, select

from fairmind_sync.results.states import HANDED_OVER
from fairmind_sync.storage.statements import upsert
from fairmind_sync.storage.tables import bundles_table, hand_overs_table, outbox_table


@dataclass(frozen=True, slots=True)
class BundleRecord:
    """A bundle that was written or read here; `direction` is out or in, `kind` results or receipts.

    `out_still` counts those of its deliveries that this database has handed over, and of which no outcome has
    come home.
    """

    direction: str
    kind: str
    bundle_key: str
    site: str
    site_name: str
    at: datetime
    deliveries: int
    file: str
    out_still: int = 0


def note(connection: Connection, bundle: BundleRecord) -> bool:
    """Keeps that the bundle was written or read; returns whether that is news."""
    values = {
        name: getattr(bundle, name)
        for name in (field.name for field in fields(BundleRecord))
        if name != "out_still"
    }
    kept = connection.execute(upsert(bundles_table).values(values).on_conflict_do_nothing())
    return bool(kept.rowcount)


def how_many(connection: Connection) -> int:
    """Returns how many bundles were written and read here."""
    number: int = connection.execute(select(func.count(bundles_table.c.id))).scalar_one()
    return number


def newest(connection: Connection, limit: int, bundle_key: str | None = None) -> list[BundleRecord]:
    """Returns the newest bundles, or those whose key begins so."""
    of = bundles_table.c
    columns = [of[field.name] for field in fields(BundleRecord) if field.name != "out_still"]
    out_still = (
        select(func.count())
        .join_from(hand_overs_table, outbox_table)
        .where(
            hand_overs_table.c.bundle_key == of.bundle_key,
            hand_overs_table.c.taken_back_at.is_(None),
            outbox_table.c.status == HANDED_OVER,
            of.direction == "out",
        )
        .scalar_subquery()
    )
    wanted = select(*columns, out_still).order_by(of.id.desc()).limit(limit)
    if bundle_key is not None:
        wanted = wanted.where(
            and_(of.bundle_key.startswith(bundle_key, autoescape=True), of.direction == "out")
        )
    return [BundleRecord(*tuple(row)) for row in connection.execute(wanted)]
