"""What is done to a hand-over's row while receipts of the other site are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, select

from fairmind_sync.outbox import deletion, homecoming, retry_discard
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table
from tests.outbox.test_homecoming import DEAD, LATER, SITE, TOLD, handed_over, hear
from tests.support.databases import rows
from tests.support.deliveries import dead
from tests.support.turns import in_turn

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def retry(connection: Connection) -> None:
    assert retry_discard.retry(connection, [1], LATER) == 1


@pytest.fixture
def key(engine: Engine) -> str:
    """Of a delivery that is dead at the other site."""
    handed = handed_over(engine)
    hear(engine, replace(DEAD, key=handed))
    return handed


def test_receipts_that_wait_for_a_retry_are_older_than_it(engine: Engine, key: str) -> None:
    def hear_again(connection: Connection) -> None:
        homecoming.hear(connection, SITE, "there", 2, [replace(DEAD, key=key)], LATER)

    in_turn(engine, retry, hear_again)
    assert [row.status for row in rows(engine, outbox_table)] == ["handed_over"]


def test_receipts_and_a_retry_do_not_wait_for_each_other(engine: Engine, key: str) -> None:
    """Whoever changes both locks the delivery first, then its hand-over."""

    def lock_delivery(connection: Connection) -> None:
        connection.execute(select(outbox_table.c.id).with_for_update())

    def hear_of_it(connection: Connection) -> None:
        homecoming.hear(connection, SITE, "there", 2, [replace(DEAD, key=key)], LATER)

    in_turn(engine, lock_delivery, retry, then=hear_of_it)
    assert [row.status for row in rows(engine, outbox_table)] == ["handed_over"]


def test_receipts_that_wait_for_a_deletion_record_no_words(engine: Engine) -> None:
    key = handed_over(engine, test_id="t")

    def delete(connection: Connection) -> None:
        deletion.delete(connection, "t", "user-1", LATER)

    def hear_of_it(connection: Connection) -> None:
        homecoming.hear(connection, SITE, "there", 1, [replace(TOLD, key=key)], LATER)

    in_turn(engine, delete, hear_of_it)
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.evidence_reason) == ("delivered", None)


def test_receipts_and_a_discard_of_several_do_not_wait_for_each_other(engine: Engine) -> None:
    """Both lock deliveries by their ids, wherever the rows lie."""
    for _ in range(2):
        dead(engine)

    def lock(id_: int) -> Callable[[Connection], object]:
        row = select(outbox_table.c.id).where(outbox_table.c.id == id_).with_for_update()
        return lambda connection: connection.execute(row)

    def discard(connection: Connection) -> None:
        retry_discard.discard(connection, [1, 2], "no use", LATER)

    with writing(engine) as connection:  # the row is written anew, behind the other
        connection.execute(outbox_table.update().where(outbox_table.c.id == 1).values(attempts=2))
    in_turn(engine, lock(1), discard, then=lock(2))
    assert [row.status for row in rows(engine, outbox_table)] == ["discarded", "discarded"]
