"""Claims: what is taken, in which order, and what counts; what an operator may do."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from fairmind_sync.outbox import repairs
from fairmind_sync.outbox import retry_discard as verbs
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import attempts_table, outbox_table
from tests.support.clock import NOW
from tests.support.databases import opened, plan, rows
from tests.support.deliveries import LEASE, claim, claimed, dead, delivered, save

pytestmark = pytest.mark.both_databases

SECOND = timedelta(seconds=1)
LATER = NOW + LEASE
HEAD_START_S = 1.0
"""How long the first of two claims gives the second one to look; on a slower machine it just goes on."""


def set_row(engine: Engine, **values: Any) -> None:
    with writing(engine) as connection:
        connection.execute(update(outbox_table).values(**values))


def bury(engine: Engine, max_attempts: int, **time: Any) -> list[int]:
    with writing(engine) as connection:
        return repairs.bury_exhausted(
            connection, "mlflow", max_attempts=max_attempts, **({"now": LATER} | time)
        )


def retry(engine: Engine) -> int:
    with writing(engine) as connection:
        return verbs.retry(connection, [row.id for row in rows(engine, outbox_table)], LATER)


def discard(engine: Engine) -> int:
    with writing(engine) as connection:
        ids = [row.id for row in rows(engine, outbox_table)]
        return verbs.discard(connection, ids, "nobody needs it", NOW)


def test_a_claim_takes_the_oldest_first(engine: Engine) -> None:
    for minutes, test_id in ((2, "third"), (1, "second"), (0, "first")):
        save(engine, "mlflow", test_id=test_id, now=NOW + timedelta(minutes=minutes))
    batch = claim(engine, now=NOW + timedelta(hours=1))
    assert [delivery.result.test_id for delivery in batch] == ["first", "second", "third"]


def test_what_fell_due_together_is_claimed_in_the_order_of_the_saves(engine: Engine) -> None:
    for test_id in ("c", "a", "b"):
        save(engine, "mlflow", test_id=test_id)
    assert [delivery.result.test_id for delivery in claim(engine)] == ["c", "a", "b"]


def test_a_claim_takes_no_more_than_its_limit(engine: Engine) -> None:
    for _ in range(3):
        save(engine, "mlflow")
    assert len(claim(engine, limit=2)) == 2


def test_a_claim_takes_its_own_providers_deliveries_only(engine: Engine) -> None:
    save(engine, "wandb", "mlflow")
    assert [delivery.provider for delivery in claim(engine, "wandb")] == ["wandb"]


def test_a_claim_with_a_limit_takes_what_fell_due_first(engine: Engine) -> None:
    save(engine, "mlflow", test_id="second", now=NOW + SECOND)
    save(engine, "mlflow", test_id="first", now=NOW)
    (delivery,) = claim(engine, limit=1, now=LATER)
    assert delivery.result.test_id == "first"


def test_nothing_due_is_an_empty_claim(engine: Engine) -> None:
    save(engine, "mlflow", now=NOW + SECOND)
    assert claim(engine) == []


def test_what_is_leased_is_not_claimed_again(engine: Engine) -> None:
    claimed(engine)
    assert claim(engine, now=LATER - SECOND) == []


def test_an_expired_lease_is_claimable_again(engine: Engine) -> None:
    delivery = claimed(engine)
    assert [again.id for again in claim(engine, now=LATER)] == [delivery.id]


def test_each_claim_has_a_token_of_its_own(engine: Engine) -> None:
    delivery = claimed(engine)
    (again,) = claim(engine, now=LATER)
    assert again.lease_token != delivery.lease_token


def test_a_delivery_keeps_its_key_at_every_attempt(engine: Engine) -> None:
    delivery = claimed(engine)
    (again,) = claim(engine, now=LATER)
    assert again.key == delivery.key


def test_an_abandoned_delivery_is_claimed_alone(engine: Engine) -> None:
    abandoned = claimed(engine)
    save(engine, "mlflow", now=NOW - SECOND)
    save(engine, "mlflow")
    assert [delivery.id for delivery in claim(engine, now=LATER)] == [abandoned.id]


def test_two_abandoned_deliveries_are_claimed_one_after_the_other(engine: Engine) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    abandoned = [delivery.id for delivery in claim(engine)]
    again = [[delivery.id for delivery in claim(engine, now=LATER)] for _ in abandoned]
    assert again == [[id_] for id_ in abandoned]


def test_the_attempt_is_counted_at_the_claim(engine: Engine) -> None:
    delivery = claimed(engine)
    (row,) = rows(engine, outbox_table)
    assert (delivery.attempts, row.attempts) == (1, 1)


def test_a_claim_opens_an_attempt_in_its_name(engine: Engine) -> None:
    delivery = claimed(engine)
    (attempt,) = rows(engine, attempts_table)
    assert tuple(attempt)[1:] == (
        delivery.id,
        delivery.lease_token,
        "host:1",
        NOW,
        *[None] * 4,
    )


def test_a_claimed_delivery_carries_the_result_as_it_was_saved(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t", results={"rate": float("inf"), "name": "\ud800"})
    (delivery,) = claim(engine)
    assert delivery.result.results == {"rate": float("inf"), "name": "\ud800"}


def test_two_claims_at_once_never_take_the_same_delivery(engine: Engine, database_url: str) -> None:
    """As of two processes: each has looked before either writes, where the database lets both look."""
    save(engine, "mlflow")
    save(engine, "mlflow")
    both_looked = threading.Barrier(2)

    def wait_for_the_other(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith("UPDATE outbox"):
            with suppress(threading.BrokenBarrierError):
                both_looked.wait(HEAD_START_S)

    def claim_one(_place: int) -> list[Delivery]:
        with opened(database_url) as own:  # the claims of one engine take turns anyway
            event.listen(own, "before_cursor_execute", wait_for_the_other)
            return claim(own, limit=1)

    with ThreadPoolExecutor(2) as pool:
        ids = [
            one.id for claimed_by_each in pool.map(claim_one, range(2)) for one in claimed_by_each
        ]
    assert sorted(ids) == [1, 2]


def test_the_search_for_due_deliveries_uses_the_index_made_for_it(engine: Engine) -> None:
    save(engine, "mlflow")
    executed: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        executed.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    claim(engine)
    statement, parameters = next(found for found in executed if found[0].startswith("SELECT"))
    assert "ix_outbox_claimable" in plan(engine, statement, parameters)


def test_a_delivery_that_used_up_its_attempts_is_buried(engine: Engine) -> None:
    delivery = claimed(engine)
    assert bury(engine, 1) == [delivery.id]


def test_a_buried_delivery_is_dead_and_says_why(engine: Engine) -> None:
    claimed(engine)
    bury(engine, 1)
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.finished_at, row.last_error_kind, row.last_error) == (
        "dead",
        LATER,
        "worker_died",
        "the worker process ended in each of 1 attempts",
    )


def test_a_buried_delivery_keeps_the_error_that_is_known(engine: Engine) -> None:
    claimed(engine)
    set_row(engine, last_error="500 from the server", last_error_kind="server")
    bury(engine, 1)
    (row,) = rows(engine, outbox_table)
    assert (row.last_error_kind, row.last_error) == (
        "worker_died",
        "the worker process ended in its last attempt; before that: 500 from the server",
    )


def test_a_delivery_with_attempts_left_is_not_buried(engine: Engine) -> None:
    claimed(engine)
    assert bury(engine, 2) == []


def test_a_delivery_whose_last_attempt_is_under_way_is_not_buried(engine: Engine) -> None:
    claimed(engine)
    assert bury(engine, 1, now=LATER - SECOND) == []


def test_a_buried_delivery_is_not_claimed(engine: Engine) -> None:
    claimed(engine)
    bury(engine, 1)
    assert claim(engine, now=LATER) == []


def test_a_retried_delivery_is_due_at_once_with_all_its_attempts(engine: Engine) -> None:
    dead(engine)
    retry(engine)
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.attempts, row.due_at, row.finished_at) == ("pending", 0, LATER, None)


def test_a_retried_delivery_remembers_that_a_run_may_exist(engine: Engine) -> None:
    dead(engine)
    set_row(engine, create_attempted_at=NOW, run_id="run-1")
    retry(engine)
    (again,) = claim(engine, now=LATER)
    assert (again.create_attempted_at, again.run_id) == (NOW, "run-1")


def test_a_retry_tells_how_many_it_returned(engine: Engine) -> None:
    dead(engine)
    dead(engine)
    delivered(engine)
    assert retry(engine) == 2


@pytest.mark.parametrize("make", [claimed, delivered], ids=["leased", "delivered"])
def test_only_what_is_dead_is_retried(engine: Engine, make: Any) -> None:
    make(engine)
    before = rows(engine, outbox_table)
    retry(engine)
    assert rows(engine, outbox_table) == before


def test_a_discarded_delivery_says_why(engine: Engine) -> None:
    dead(engine)
    discard(engine)
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.last_error_kind, row.last_error) == (
        "discarded",
        "discarded",
        "nobody needs it",
    )


def test_a_waiting_delivery_may_be_discarded(engine: Engine) -> None:
    save(engine, "mlflow")
    discard(engine)
    assert claim(engine, now=LATER) == []


def test_an_abandoned_delivery_may_be_discarded(engine: Engine) -> None:
    claimed(engine, now=NOW - LEASE)
    assert discard(engine) == 1


@pytest.mark.parametrize("make", [claimed, delivered], ids=["leased", "delivered"])
def test_what_is_under_way_or_delivered_is_not_discarded(engine: Engine, make: Any) -> None:
    make(engine)
    before = rows(engine, outbox_table)
    discard(engine)
    assert rows(engine, outbox_table) == before
