"""Another site, and deliveries that are handed over to it."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from fairmind_sync.outbox import hand_overs
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.outbox.sites import SiteRecord
from fairmind_sync.storage.engine import writing
from tests.support.clock import NOW

FIRST, SECOND = "a" * 32, "b" * 32
THERE = SiteRecord("f" * 32, "there", "keys of there")


def hand_over(engine: Engine, connection: Connection, site: SiteRecord, key: str) -> None:
    """One more delivery, by a bundle of that key."""
    ids = hand_overs.candidates(connection, RunFilter(), site.fingerprint, NOW, again=False)
    (result,) = hand_overs.outgoing(connection, ids, site.fingerprint)
    hand_overs.mark(connection, result.deliveries, site.fingerprint, key, NOW, again=False)


def give_away(engine: Engine) -> None:
    """One delivery goes to the other site."""
    with writing(engine) as connection:
        hand_over(engine, connection, THERE, FIRST)
