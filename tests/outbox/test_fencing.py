"""What follows a claim: written with the lease, refused without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

import pytest
from sqlalchemy import Connection, Engine

from fairmind_sync.errors import LeaseLostError
from fairmind_sync.outbox import outcomes as verbs
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import attempts_table, outbox_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import LEASE, RUN, claim, claimed, dead, save

pytestmark = pytest.mark.both_databases

Verb: TypeAlias = Callable[[Connection, Delivery], object]
LATER = NOW + LEASE
SOON = timedelta(minutes=3)


def _record_retry(connection: Connection, delivery: Delivery) -> None:
    verbs.record_retry(connection, delivery, ErrorKind.UNCERTAIN, "500", due_at=NOW + SOON, now=NOW)


VERBS: dict[str, Verb] = {
    "note_creating": lambda c, d: verbs.note_creating(c, d, "somewhere", NOW),
    "note_not_created": verbs.note_not_created,
    "note_created": lambda c, d: verbs.note_created(c, d, "run-1"),
    "extend_lease": lambda c, d: verbs.extend_lease(c, d, LATER + LEASE),
    "record_delivered": lambda c, d: verbs.record_delivered(c, d, RUN, "somewhere", NOW),
    "record_retry": _record_retry,
    "record_dead": lambda c, d: verbs.record_dead(c, d, ErrorKind.REJECTED, "too large", NOW),
}
each_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
each_record = pytest.mark.parametrize(
    "verb", [VERBS[f"record_{end}"] for end in ("delivered", "retry", "dead")]
)


def do(engine: Engine, verb: Verb, delivery: Delivery) -> None:
    with writing(engine) as connection:
        verb(connection, delivery)


def release(engine: Engine, *deliveries: Delivery) -> None:
    with writing(engine) as connection:
        verbs.release(connection, deliveries, LATER, "not started")


def overtaken(engine: Engine) -> Delivery:
    """A delivery that another worker has claimed since."""
    delivery = claimed(engine)
    claim(engine, now=LATER)
    return delivery


@each_verb
def test_a_write_with_an_old_token_is_refused(engine: Engine, verb: Verb) -> None:
    delivery = overtaken(engine)
    with pytest.raises(LeaseLostError):
        do(engine, verb, delivery)


@each_verb
def test_a_write_with_an_old_token_changes_nothing(engine: Engine, verb: Verb) -> None:
    delivery = overtaken(engine)
    before = rows(engine, outbox_table), rows(engine, attempts_table)
    with pytest.raises(LeaseLostError):
        do(engine, verb, delivery)
    assert (rows(engine, outbox_table), rows(engine, attempts_table)) == before


@each_verb
def test_a_write_to_a_finished_delivery_is_refused(engine: Engine, verb: Verb) -> None:
    finished = dead(engine)
    with pytest.raises(LeaseLostError):
        do(engine, verb, finished)


@each_record
def test_a_record_that_is_late_but_not_overtaken_counts(engine: Engine, verb: Verb) -> None:
    delivery = claimed(engine, now=NOW - 2 * LEASE)
    do(engine, verb, delivery)
    assert rows(engine, attempts_table)[0].outcome is not None


@each_verb
def test_a_write_touches_no_other_delivery_of_the_same_claim(engine: Engine, verb: Verb) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    first, _ = claim(engine)
    before = rows(engine, outbox_table)[1]
    do(engine, verb, first)
    assert rows(engine, outbox_table)[1] == before


def test_the_lost_lease_says_whose_the_delivery_is_now(engine: Engine) -> None:
    with pytest.raises(LeaseLostError, match="Another worker owns this delivery now"):
        do(engine, VERBS["note_created"], overtaken(engine))


def test_that_a_run_may_exist_is_known_to_the_next_attempt(engine: Engine) -> None:
    do(engine, VERBS["note_creating"], claimed(engine))
    (again,) = claim(engine, now=LATER)
    assert again.create_attempted_at == NOW


def test_a_request_that_was_not_sent_leaves_no_doubt(engine: Engine) -> None:
    delivery = claimed(engine)
    do(engine, VERBS["note_creating"], delivery)
    do(engine, VERBS["note_not_created"], delivery)
    (again,) = claim(engine, now=LATER)
    assert again.create_attempted_at is None


def test_a_request_that_was_not_sent_keeps_the_doubt_of_an_earlier_attempt(engine: Engine) -> None:
    do(engine, VERBS["note_creating"], claimed(engine))
    (second,) = claim(engine, now=LATER)
    do(engine, lambda c, d: verbs.note_creating(c, d, "somewhere", LATER), second)
    do(engine, VERBS["note_not_created"], second)
    (third,) = claim(engine, now=LATER + LEASE)
    assert third.create_attempted_at == NOW


def test_a_run_id_is_known_to_the_next_attempt(engine: Engine) -> None:
    do(engine, VERBS["note_created"], claimed(engine))
    (again,) = claim(engine, now=LATER)
    assert again.run_id == "run-1"


def test_a_delivered_run_is_on_record(engine: Engine) -> None:
    do(engine, VERBS["record_delivered"], claimed(engine))
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.run_id, row.run_url, row.destination, row.finished_at) == (
        "delivered",
        RUN.id,
        RUN.url,
        "somewhere",
        NOW,
    )


def test_a_run_without_a_page_is_delivered_without_a_url(engine: Engine) -> None:
    pageless = replace(RUN, url=None)
    delivery = claimed(engine)
    do(engine, lambda c, d: verbs.record_delivered(c, d, pageless, "x", NOW), delivery)
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.run_url) == ("delivered", None)


def test_a_delivery_that_succeeds_in_the_end_has_no_error(engine: Engine) -> None:
    do(engine, VERBS["record_retry"], claimed(engine))
    (again,) = claim(engine, now=NOW + SOON)
    do(engine, VERBS["record_delivered"], again)
    (row,) = rows(engine, outbox_table)
    assert (row.last_error, row.last_error_kind) == (None, None)


def test_a_failed_delivery_waits_until_it_is_due(engine: Engine) -> None:
    do(engine, VERBS["record_retry"], claimed(engine))
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.due_at, row.last_error_kind, row.last_error, row.finished_at) == (
        "pending",
        NOW + SOON,
        "uncertain",
        "500",
        None,
    )


def test_a_dead_delivery_says_why(engine: Engine) -> None:
    dead(engine, "it is too large")
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.last_error_kind, row.last_error, row.finished_at) == (
        "dead",
        "rejected",
        "it is too large",
        NOW,
    )


@each_record
def test_a_record_ends_the_lease(engine: Engine, verb: Verb) -> None:
    do(engine, verb, claimed(engine))
    (row,) = rows(engine, outbox_table)
    assert (row.lease_token, row.lease_expires_at) == (None, None)


@each_record
def test_a_record_counts_no_second_attempt(engine: Engine, verb: Verb) -> None:
    do(engine, verb, claimed(engine))
    assert rows(engine, outbox_table)[0].attempts == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("record_delivered", (NOW, "delivered", None, None)),
        ("record_retry", (NOW, "retry", "uncertain", "500")),
        ("record_dead", (NOW, "dead", "rejected", "too large")),
    ],
)
def test_a_record_closes_its_attempt(
    engine: Engine, name: str, expected: tuple[object, ...]
) -> None:
    do(engine, VERBS[name], claimed(engine))
    (attempt,) = rows(engine, attempts_table)
    assert tuple(attempt)[-4:] == expected


def test_an_attempt_whose_worker_died_stays_open(engine: Engine) -> None:
    delivery = claimed(engine)
    do(engine, VERBS["record_delivered"], *claim(engine, now=LATER))
    first, second = rows(engine, attempts_table)
    assert (first.lease_token, first.outcome, second.outcome) == (
        delivery.lease_token,
        None,
        "delivered",
    )


def test_a_released_delivery_gets_its_attempt_back(engine: Engine) -> None:
    release(engine, claimed(engine))
    assert rows(engine, outbox_table)[0].attempts == 0


def test_a_released_delivery_is_claimable_at_once(engine: Engine) -> None:
    delivery = claimed(engine)
    release(engine, delivery)
    assert [again.id for again in claim(engine)] == [delivery.id]


def test_a_release_closes_the_attempt_and_says_why(engine: Engine) -> None:
    release(engine, claimed(engine))
    (attempt,) = rows(engine, attempts_table)
    assert tuple(attempt)[-4:] == (LATER, "released", "released", "not started")


def test_a_release_after_the_lease_was_lost_leaves_the_delivery_alone(engine: Engine) -> None:
    delivery = overtaken(engine)
    before = rows(engine, outbox_table)
    release(engine, delivery)
    assert rows(engine, outbox_table) == before


def test_a_release_after_the_lease_was_lost_leaves_the_counted_attempt_alone(
    engine: Engine,
) -> None:
    delivery = overtaken(engine)
    before = rows(engine, attempts_table)
    release(engine, delivery)
    assert rows(engine, attempts_table) == before


def test_a_lost_lease_does_not_keep_the_others_from_being_released(engine: Engine) -> None:
    lost = overtaken(engine)
    save(engine, "mlflow", now=LATER)
    (kept,) = claim(engine, now=LATER)
    release(engine, lost, kept)
    assert [again.id for again in claim(engine, now=LATER)] == [kept.id]


def unclaim(engine: Engine, *deliveries: Delivery) -> None:
    with writing(engine) as connection:
        verbs.unclaim(connection, deliveries)


def test_what_is_unclaimed_is_as_if_it_had_never_been_claimed(engine: Engine) -> None:
    save(engine, "mlflow")
    before = rows(engine, outbox_table)
    unclaim(engine, *claim(engine))
    assert (rows(engine, outbox_table), rows(engine, attempts_table)) == (before, [])


def test_what_another_worker_has_claimed_since_is_not_unclaimed(engine: Engine) -> None:
    """Both attempts were counted, and stay in the history."""
    delivery = overtaken(engine)
    made, owned = rows(engine, attempts_table), rows(engine, outbox_table)
    unclaim(engine, delivery)
    assert (rows(engine, outbox_table), rows(engine, attempts_table)) == (owned, made)


def test_an_unclaim_touches_no_other_delivery_of_the_same_claim(engine: Engine) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    first, _ = claim(engine)
    (_, kept), (_, attempt) = rows(engine, outbox_table), rows(engine, attempts_table)
    unclaim(engine, first)
    assert (rows(engine, outbox_table)[1], rows(engine, attempts_table)) == (kept, [attempt])
