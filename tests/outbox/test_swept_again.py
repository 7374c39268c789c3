"""Deliveries that end after, or during, a sweep that saw them pending, and left their runs alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine

from fairmind_sync.outbox import outcomes, retry_discard, unclean_attempts
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import reading, writing
from tests.support.clock import NOW
from tests.support.deliveries import RUN, claim, claimed

pytestmark = pytest.mark.both_databases

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
THEN = NOW + 3 * DAY


def tried(engine: Engine) -> Delivery:
    """Pending, with an attempt of three days ago that may have made a run."""
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", NOW)
        kind = ErrorKind.UNCERTAIN
        outcomes.record_retry(connection, delivery, kind, "lost", due_at=NOW + MINUTE, now=NOW)
    return delivery


def sweep(engine: Engine, *, began: timedelta = timedelta()) -> None:
    """A sweep that began so long before THEN, and ends now."""
    with writing(engine) as connection:
        unclean_attempts.note_swept(connection, "mlflow", THEN - began)


def suspects(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return unclean_attempts.suspect_keys(connection, "mlflow", THEN)


def discard(connection: Connection, delivery: Delivery) -> None:
    assert retry_discard.discard(connection, [delivery.id], "no use", THEN) == 1


def test_what_is_delivered_after_it_was_swept_is_swept_once_more(engine: Engine) -> None:
    """Of the runs that its attempts made, a delivery takes one."""
    delivery = tried(engine)
    sweep(engine)
    before = suspects(engine)
    (again,) = claim(engine, now=THEN)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, again, RUN, "somewhere", THEN)
    found = suspects(engine)
    sweep(engine, began=-MINUTE)
    assert (before, found, suspects(engine)) == ([], [delivery.key], [])


@pytest.mark.parametrize("was_swept", [False, True])
def test_what_is_discarded_during_a_sweep_is_swept_once_more(
    engine: Engine, was_swept: bool
) -> None:
    delivery = tried(engine)
    if was_swept:
        sweep(engine, began=MINUTE)
    with writing(engine) as connection:
        discard(connection, delivery)
    sweep(engine, began=MINUTE)  # it had begun before
    found = suspects(engine)
    sweep(engine, began=-MINUTE)
    assert (found, suspects(engine)) == ([delivery.key], [])


def test_what_ended_before_a_sweep_is_swept_by_it(engine: Engine) -> None:
    delivery = tried(engine)
    with writing(engine) as connection:
        discard(connection, delivery)
    sweep(engine, began=-MINUTE)
    assert suspects(engine) == []
