"""Sites as the database keeps them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

from fairmind_sync.outbox import hand_overs, sites
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.outbox.sites import SiteRecord
from fairmind_sync.results.states import DELIVERED
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table
from tests.outbox.other_sites import FIRST, SECOND, THERE, hand_over
from tests.support.clock import NOW
from tests.support.deliveries import save

ELSEWHERE = SiteRecord("e" * 32, "elsewhere", "keys of elsewhere")


def test_before_there_is_an_identity_there_is_none(connection: Connection) -> None:
    assert sites.own(connection) is None


def test_a_new_identity_takes_the_place_of_the_old_and_keeps_its_count(
    connection: Connection,
) -> None:
    sites.set_own(connection, "here", "keys")
    first = sites.next_sequence(connection, NOW)
    sites.set_own(connection, "anew", "other keys")
    assert sites.own(connection) == ("anew", "other keys")
    assert sites.next_sequence(connection, NOW) == first + 1


def test_receipts_are_numbered_by_microseconds_since_1970(connection: Connection) -> None:
    sites.set_own(connection, "here", "keys")
    moment = datetime(1970, 1, 1, 0, 0, 1, 7, tzinfo=UTC)
    assert [sites.next_sequence(connection, moment) for _ in range(2)] == [1_000_007, 1_000_008]


def test_a_trusted_site_is_found_by_name_and_by_fingerprint(connection: Connection) -> None:
    assert sites.trust(connection, THERE, NOW)
    assert sites.find(connection, "there") == THERE
    assert sites.find(connection, THERE.fingerprint) == THERE
    assert sites.find(connection, "nobody") is None


def test_trusted_sites_are_told_by_name_and_since_when(connection: Connection) -> None:
    sites.trust(connection, THERE, NOW)
    sites.trust(connection, ELSEWHERE, NOW + timedelta(1))
    assert sites.trusted(connection) == [(ELSEWHERE, NOW + timedelta(1)), (THERE, NOW)]


def test_a_new_name_of_a_trusted_site_is_news_and_the_same_is_none(connection: Connection) -> None:
    sites.trust(connection, THERE, NOW)
    sites.trust(connection, ELSEWHERE, NOW)
    renamed = replace(THERE, name="yonder")
    assert [sites.trust(connection, one, NOW) for one in (THERE, renamed, renamed)] == [
        False,
        True,
        False,
    ]
    assert [one.name for one, _ in sites.trusted(connection)] == ["elsewhere", "yonder"]


def test_a_site_that_is_forgotten_is_that_one(connection: Connection) -> None:
    sites.trust(connection, THERE, NOW)
    sites.trust(connection, ELSEWHERE, NOW)
    sites.distrust(connection, THERE)
    assert [one for one, _ in sites.trusted(connection)] == [ELSEWHERE]


def test_a_site_holds_what_went_there_and_has_no_outcome(engine: Engine) -> None:
    for _ in range(3):
        save(engine, "mlflow")
        with writing(engine) as connection:
            hand_over(engine, connection, THERE, FIRST)
    save(engine, "mlflow")
    with writing(engine) as connection:
        hand_over(engine, connection, ELSEWHERE, SECOND)
        connection.execute(
            outbox_table.update()
            .where(outbox_table.c.id == 1)
            .values(status=DELIVERED, finished_at=NOW, run_id="r")
        )
        assert sites.held_by(connection, THERE.fingerprint) == 2
        assert hand_overs.take_back(connection, FIRST, NOW) == 2
        assert sites.held_by(connection, THERE.fingerprint) == 0
        ids = hand_overs.candidates(
            connection, RunFilter(), ELSEWHERE.fingerprint, NOW, again=False
        )
        gone = hand_overs.outgoing(connection, ids, ELSEWHERE.fingerprint)
        deliveries = [each for result in gone for each in result.deliveries]
        hand_overs.mark(connection, deliveries, ELSEWHERE.fingerprint, SECOND, NOW, again=False)
        assert sites.held_by(connection, THERE.fingerprint) == 0
        assert sites.held_by(connection, ELSEWHERE.fingerprint) == 3
