"""What comes back from another site, is tried again, or has gone to two sites."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import arrivals, deletion, hand_overs, homecoming, retry_discard
from fairmind_sync.outbox.arrivals import ArrivingDelivery, ArrivingResult, ToldOutcome
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import hand_overs_table, outbox_table
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import dead, save

SITE, OTHER = "f" * 32, "e" * 32
FIRST, SECOND = "a" * 32, "b" * 32
LATER = NOW + timedelta(hours=1)


def hand_over(engine: Engine, number: int, key: str, site: str = SITE) -> int:
    """The epoch under which the delivery went."""
    with writing(engine) as connection:
        (result,) = hand_overs.outgoing(connection, [number], site)
        assert hand_overs.mark(connection, result.deliveries, site, key, NOW, again=False)
    return result.deliveries[0].epoch


def take_back(engine: Engine, key: str, now: Any = NOW) -> int:
    with writing(engine) as connection:
        return hand_overs.take_back(connection, key, now)


def noted(engine: Engine) -> dict[str, Any]:
    return {row.site: row for row in rows(engine, hand_overs_table)}


def test_nothing_goes_back_to_the_site_that_it_came_from(engine: Engine) -> None:
    came = ArrivingResult(new_result(), 1, (ArrivingDelivery("mlflow", "c" * 32, 1, None),))
    with writing(engine) as connection:
        arrivals.take_in(connection, SITE, FIRST, [came], NOW)
        found = [
            hand_overs.candidates(connection, RunFilter(), site, NOW, again=False)
            for site in (SITE, OTHER)
        ]
    assert found == [[], [1]]


def test_each_site_has_epochs_of_its_own(engine: Engine) -> None:
    save(engine, "mlflow")
    epochs = []
    for key, site in ((FIRST, SITE), (SECOND, OTHER), ("c" * 32, SITE)):
        epochs.append(hand_over(engine, 1, key, site))
        take_back(engine, key)
    assert epochs == [1, 1, 2]


def test_a_bundle_is_taken_back_once_wherever_its_deliveries_went_then(engine: Engine) -> None:
    save(engine, "mlflow")
    hand_over(engine, 1, FIRST)
    assert take_back(engine, FIRST) == 1
    hand_over(engine, 1, SECOND, OTHER)
    with reading(engine) as connection:
        assert hand_overs.would_take_back(connection, FIRST) == {}
    assert (take_back(engine, FIRST, LATER), take_back(engine, SECOND, LATER)) == (0, 1)
    assert [noted(engine)[site].taken_back_at for site in (SITE, OTHER)] == [NOW, LATER]


def test_what_died_meanwhile_is_not_handed_over(engine: Engine) -> None:
    dead(engine)
    with writing(engine) as connection:
        (result,) = hand_overs.outgoing(connection, [1], SITE)
        assert not hand_overs.mark(connection, result.deliveries, SITE, FIRST, NOW, again=False)


def test_a_retry_of_what_another_site_has_is_a_hand_over_to_come(engine: Engine) -> None:
    dead(engine)
    save(engine, "mlflow")
    hand_over(engine, 2, FIRST)
    with writing(engine) as connection:
        connection.execute(
            outbox_table.update()
            .where(outbox_table.c.id == 2)
            .values(status="dead", finished_at=NOW)
        )
        assert retry_discard.retry(connection, [1, 2], NOW) == 2
    assert [row.status for row in rows(engine, outbox_table)] == ["pending", "handed_over"]
    assert noted(engine)[SITE].epoch == 2


@pytest.mark.both_databases
def test_an_epoch_has_a_highest_number(engine: Engine) -> None:
    """A site that tells the highest one has the next hand-over be its equal, in the place of an error."""
    save(engine, "mlflow")
    hand_over(engine, 1, FIRST)
    with writing(engine) as connection:
        connection.execute(hand_overs_table.update().values(heard_epoch=2**31 - 1))
        (result,) = hand_overs.outgoing(connection, [1], SITE)
    assert result.deliveries[0].epoch == 2**31 - 1


def test_receipts_are_noted_of_the_site_that_wrote_them(engine: Engine) -> None:
    save(engine, "mlflow")
    hand_over(engine, 1, FIRST)
    take_back(engine, FIRST)
    hand_over(engine, 1, SECOND, OTHER)
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(create_attempted_at=NOW))
        key = str(rows(engine, outbox_table)[0].delivery_key)
        failed = ("there", LATER, "rejected", "too odd")
        told = ToldOutcome("mlflow", key, 1, "dead", True, None, None, *failed, None, None)
        homecoming.hear(connection, OTHER, "other", 5, [told], LATER)
    assert [noted(engine)[site].heard_sequence for site in (SITE, OTHER)] == [0, 5]
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.create_attempted_at) == ("dead", NOW)


def test_what_another_bundle_carried_stays_there(engine: Engine) -> None:
    for number, key in ((1, FIRST), (2, SECOND)):
        save(engine, "mlflow")
        hand_over(engine, number, key)
    take_back(engine, FIRST)
    assert [row.status for row in rows(engine, outbox_table)] == ["pending", "handed_over"]


def test_an_attempt_that_may_have_made_a_run_goes_along(engine: Engine) -> None:
    save(engine, "mlflow")
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(create_attempted_at=LATER))
        (result,) = hand_overs.outgoing(connection, [1], SITE)
    assert result.deliveries[0].create_attempted_at == LATER


def test_a_deleted_result_is_owed_by_no_other_site(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    hand_over(engine, 1, FIRST)
    with writing(engine) as connection:
        deletion.delete(connection, "t", "user-1", NOW)
    assert [row.status for row in rows(engine, outbox_table)] == ["discarded"]
