"""Which bundles went out and came in, as the database keeps them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, Engine

from fairmind_sync.outbox import bundle_log
from fairmind_sync.outbox.bundle_log import BundleRecord
from fairmind_sync.storage.engine import writing
from tests.outbox.other_sites import FIRST, SECOND, THERE, hand_over
from tests.support.clock import NOW
from tests.support.deliveries import save

OUT = BundleRecord("out", "results", FIRST, THERE.fingerprint, "there", NOW, 2, "out.bundle")


def test_a_bundle_is_news_once(connection: Connection) -> None:
    assert [bundle_log.note(connection, OUT) for _ in range(2)] == [True, False]
    assert bundle_log.newest(connection, 9) == [OUT]


def test_bundles_are_told_the_newest_first_with_what_is_still_out(engine: Engine) -> None:
    save(engine, "mlflow")
    came = replace(OUT, direction="in")
    other = replace(OUT, bundle_key=SECOND)
    with writing(engine) as connection:
        hand_over(engine, connection, THERE, FIRST)
        for bundle in (OUT, came, other):
            bundle_log.note(connection, bundle)
        assert bundle_log.newest(connection, 2) == [other, came]
        assert bundle_log.newest(connection, 9)[-1] == replace(OUT, out_still=1)


def test_a_bundle_that_went_out_is_named_by_how_its_key_begins(connection: Connection) -> None:
    for bundle in (OUT, replace(OUT, direction="in"), replace(OUT, bundle_key=SECOND)):
        bundle_log.note(connection, bundle)
    assert bundle_log.newest(connection, 9, "aaa") == [OUT]
    assert bundle_log.newest(connection, 9, "a_a") == []
