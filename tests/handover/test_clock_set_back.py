"""A home without a daemon whose clock was set back: its exports correct what lies ahead."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from fairmind_sync.clock import utc_now
from fairmind_sync.outbox.claims import LEASE
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table
from tests.handover.world import Site
from tests.support.databases import rows


def test_what_a_killed_drain_had_leased_can_go_as_soon_as_a_lease_can_end(
    home: Site, courier: Site
) -> None:
    home.save()
    home.claim()
    with writing(home.engine) as connection:
        ahead = utc_now() + timedelta(days=2)
        connection.execute(update(outbox_table).values(lease_expires_at=ahead))
    home.export(courier)
    (row,) = rows(home.engine, outbox_table)
    assert row.lease_expires_at <= utc_now() + LEASE
