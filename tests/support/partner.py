"""Another site, always the same, whom a database of a test trusts."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from fairmind_sync.handover import identity, partners, writing_bundles
from fairmind_sync.handover.public_site import PublicSite
from fairmind_sync.handover.sealing import PrivateKeys
from fairmind_sync.handover.writing_bundles import Sender, WrittenBundle
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.storage import sqlite_file
from tests.support.deliveries import save

PARTNER_KEYS = PrivateKeys(bytes(range(64)))
PARTNER = PublicSite("partner", PARTNER_KEYS.public)
LINE = PARTNER.line


def partner_trusted(engine: Engine) -> None:
    """The database's site is made, and trusts the partner; a result waits."""
    save(engine, "mlflow", test_id="t")
    partners.trust(engine, identity.own_site(engine, None).public, PARTNER)


def handed_over(engine: Engine, file: Path | None = None) -> WrittenBundle:
    """The result is handed over to the partner."""
    partner_trusted(engine)
    sender = Sender(engine, identity.own_site(engine, None), PARTNER)
    beside = sqlite_file.file_of(engine).with_name("out.bundle")
    return writing_bundles.export(sender, file or beside, RunFilter(), most_bytes=10**6)
