"""Which deliveries go to another site, and what is noted of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine

from fairmind_sync.outbox import bundle_log, hand_over_lookup, hand_overs, sites
from fairmind_sync.outbox.bundle_log import BundleRecord
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.outbox.hand_over_lookup import WayOfDelivery
from fairmind_sync.outbox.hand_overs import OutgoingDelivery
from fairmind_sync.outbox.sites import SiteRecord
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import hand_overs_table, outbox_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import LEASE, claim, save

SITE, OTHER = "f" * 32, "e" * 32
FIRST, SECOND = "a" * 32, "b" * 32
LATER = NOW + timedelta(hours=1)


def candidates(engine: Engine, site: str = SITE, *, again: bool = False) -> list[int]:
    with reading(engine) as connection:
        return hand_overs.candidates(connection, RunFilter(), site, NOW, again=again)


def outgoing(connection: Connection, ids: list[int], site: str = SITE) -> list[OutgoingDelivery]:
    found = hand_overs.outgoing(connection, ids, site)
    return [delivery for result in found for delivery in result.deliveries]


def hand_over(
    engine: Engine, ids: list[int], key: str = FIRST, site: str = SITE, *, again: bool = False
) -> bool:
    with writing(engine) as connection:
        gone = outgoing(connection, ids, site)
        return hand_overs.mark(connection, gone, site, key, NOW, again=again)


def test_the_oldest_results_go_first_and_what_is_undecided_stays(engine: Engine) -> None:
    save(engine, "wandb", "undecided", "mlflow")
    save(engine, "mlflow")
    assert candidates(engine) == [3, 1, 4]


@pytest.mark.parametrize(("ago", "found"), [(LEASE, [1]), (LEASE - timedelta(seconds=1), [])])
def test_what_a_live_lease_holds_stays(engine: Engine, ago: timedelta, found: list[int]) -> None:
    save(engine, "mlflow", now=NOW - timedelta(hours=1))
    claim(engine, now=NOW - ago)
    assert (candidates(engine), hand_over(engine, [1])) == (found, bool(found))


def test_what_is_handed_over_has_no_lease_and_no_end(engine: Engine) -> None:
    save(engine, "mlflow")
    claim(engine, now=NOW - LEASE)
    assert hand_over(engine, [1])
    (row,), (noted,) = rows(engine, outbox_table), rows(engine, hand_overs_table)
    assert (row.status, row.lease_token, row.lease_expires_at) == ("handed_over", None, None)
    assert (noted.site, noted.bundle_key, noted.epoch, noted.handed_over_at) == (
        SITE,
        FIRST,
        1,
        NOW,
    )
    assert (noted.heard_epoch, noted.heard_sequence, noted.taken_back_at) == (0, 0, None)


def test_again_goes_what_that_site_has_and_has_not_told_of(engine: Engine) -> None:
    for _ in range(3):
        save(engine, "mlflow")
    hand_over(engine, [1, 2])
    hand_over(engine, [3], site=OTHER)
    with writing(engine) as connection:
        connection.execute(
            hand_overs_table.update()
            .where(hand_overs_table.c.delivery_id == 1)
            .values(heard_epoch=1)
        )
    assert (candidates(engine, again=True), candidates(engine, OTHER, again=True)) == ([2], [3])


def test_again_is_the_next_epoch_in_a_new_bundle(engine: Engine) -> None:
    save(engine, "mlflow")
    hand_over(engine, [1])
    assert hand_over(engine, [1], SECOND, again=True)
    (noted,) = rows(engine, hand_overs_table)
    assert (noted.bundle_key, noted.epoch) == (SECOND, 2)


def test_again_is_refused_for_what_another_site_has(engine: Engine) -> None:
    save(engine, "mlflow")
    hand_over(engine, [1], site=OTHER)
    assert not hand_over(engine, [1], SECOND, again=True)


def test_what_was_taken_back_can_go_there_once_more(engine: Engine) -> None:
    save(engine, "mlflow")
    hand_over(engine, [1])
    with writing(engine) as connection:
        assert hand_overs.would_take_back(connection, FIRST) == {"handed_over": 1}
        assert hand_overs.take_back(connection, FIRST, LATER) == 1
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.due_at, row.attempts, row.create_attempted_at) == (
        "pending",
        LATER,
        0,
        LATER,
    )
    assert hand_over(engine, [1], SECOND)
    (noted,) = rows(engine, hand_overs_table)
    assert (noted.epoch, noted.taken_back_at) == (2, None)


def test_parts_are_handed_over_and_taken_back_together(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_overs, "AT_ONCE", 2)
    for _ in range(5):
        save(engine, "mlflow")
    assert hand_over(engine, [1, 2, 3, 4, 5])
    with writing(engine) as connection:
        assert hand_overs.take_back(connection, FIRST, LATER) == 5
    assert {row.status for row in rows(engine, outbox_table)} == {"pending"}
    assert {row.taken_back_at for row in rows(engine, hand_overs_table)} == {LATER}


def test_where_a_delivery_went_last_is_told_by_the_best_name_there_is(engine: Engine) -> None:
    save(engine, "mlflow")
    hand_over(engine, [1])
    bundle = BundleRecord("out", "results", FIRST, SITE, "of then", NOW, 1, "a.bundle")
    told = []
    with writing(engine) as connection:
        told.append(hand_over_lookup.went_to(connection, 1))
        bundle_log.note(connection, bundle)
        told.append(hand_over_lookup.went_to(connection, 1))
        sites.trust(connection, SiteRecord(SITE, "of today", "keys"), NOW)
        told.append(hand_over_lookup.went_to(connection, 1))
        assert hand_over_lookup.went_to(connection, 2) == []
    assert told == [[WayOfDelivery(name, FIRST, NOW)] for name in (SITE, "of then", "of today")]


def test_a_result_goes_out_with_those_of_its_deliveries_that_go(engine: Engine) -> None:
    save(engine, "wandb", "mlflow", test_id="one")
    save(engine, "mlflow", test_id="two")
    with reading(engine) as connection:
        gone = [
            (result.test_id, [each.provider for each in result.deliveries])
            for result in hand_overs.outgoing(connection, [1, 2, 3], SITE)
        ]
    assert gone == [("one", ["mlflow", "wandb"]), ("two", ["mlflow"])]
