"""Stores this site's name and public keys, the number of its next receipts, and the sites that it trusts.

Each function runs inside the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from fairmind_sync.results.states import HANDED_OVER
from fairmind_sync.storage.statements import upsert
from fairmind_sync.storage.tables import (
    hand_overs_table,
    outbox_table,
    own_site_table,
    trusted_sites_table,
)

_ONLY = 1
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_SITE: tuple[ColumnElement[str], ...] = (
    trusted_sites_table.c.fingerprint,
    trusted_sites_table.c.name,
    trusted_sites_table.c.public_keys,
)


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """A site as the database has it: its fingerprint, its name, and its public keys in base64."""

    fingerprint: str
    name: str
    keys: str


def own(connection: Connection) -> tuple[str, str] | None:
    """Returns this site's name and public keys; None before there is an identity."""
    row = connection.execute(
        select(own_site_table.c.name, own_site_table.c.public_keys)
    ).one_or_none()
    return None if row is None else (row.name, row.public_keys)


def set_own(connection: Connection, name: str, keys: str) -> None:
    """Gives this site its name and its public keys, in the place of those that it had."""
    connection.execute(
        upsert(own_site_table)
        .values(id=_ONLY, name=name, public_keys=keys, last_sequence=0)
        .on_conflict_do_update(index_elements=["id"], set_={"name": name, "public_keys": keys})
    )


def next_sequence(connection: Connection, now: datetime) -> int:
    """Returns a number for new receipts: higher than any before, also after the clock was set back.

    Microseconds since 1970, so that a database which was restored from a copy goes on above what it told.
    """
    found = connection.execute(select(own_site_table.c.last_sequence).with_for_update())
    sequence: int = max(found.scalar_one() + 1, (now - _BEGIN) // timedelta(microseconds=1))
    connection.execute(update(own_site_table).values(last_sequence=sequence))
    return sequence


def trusted(connection: Connection) -> list[tuple[SiteRecord, datetime]]:
    """Returns the sites that are trusted, by name, and since when."""
    rows = connection.execute(
        select(*_SITE, trusted_sites_table.c.trusted_at).order_by(trusted_sites_table.c.name)
    )
    return [(SiteRecord(row[0], row[1], row[2]), row.trusted_at) for row in rows]


def find(connection: Connection, named: str) -> SiteRecord | None:
    """Returns the trusted site of that name, or of that fingerprint."""
    of = trusted_sites_table.c
    row = connection.execute(
        select(*_SITE).where(or_(of.name == named, of.fingerprint == named)).order_by(of.name)
    ).first()
    return SiteRecord(row[0], row[1], row[2]) if row else None


def trust(connection: Connection, site: SiteRecord, now: datetime) -> bool:
    """Stores the site, or the new name of a site that is trusted; returns whether that is news."""
    before = find(connection, site.fingerprint)
    if before is None:
        connection.execute(
            insert(trusted_sites_table).values(
                fingerprint=site.fingerprint, name=site.name, public_keys=site.keys, trusted_at=now
            )
        )
    elif before.name != site.name:
        connection.execute(
            update(trusted_sites_table)
            .where(trusted_sites_table.c.fingerprint == site.fingerprint)
            .values(name=site.name)
        )
    return before is None or before.name != site.name


def distrust(connection: Connection, site: SiteRecord) -> None:
    """Forgets the site."""
    connection.execute(
        delete(trusted_sites_table).where(trusted_sites_table.c.fingerprint == site.fingerprint)
    )


def held_by(connection: Connection, site: str | None = None) -> int:
    """Returns how many deliveries that site, or all, have of this database, without an outcome so far."""
    of_site = [] if site is None else [hand_overs_table.c.site == site]
    held: int = connection.execute(
        select(func.count())
        .join_from(hand_overs_table, outbox_table)
        .where(
            *of_site,
            hand_overs_table.c.taken_back_at.is_(None),
            outbox_table.c.status == HANDED_OVER,
        )
    ).scalar_one()
    return held
