"""What was written while the clock ran ahead, once it is right again: nothing waits for that time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import (
    outcomes,
    repairs,
    retry_discard,
    samples,
    unclean_attempts,
    webhook_events,
)
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table, provider_samples_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import LEASE, claim, claimed

pytestmark = pytest.mark.both_databases

DAY = timedelta(days=1)
AHEAD = NOW + 400 * DAY


def correct_times(engine: Engine) -> None:
    with writing(engine) as connection:
        repairs.correct_times(connection, now=NOW, longest_wait=timedelta())


def test_a_create_in_the_future_counts_as_attempted_at_the_next_claim(engine: Engine) -> None:
    delivery = claimed(engine, now=AHEAD)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", AHEAD)
    correct_times(engine)
    (again,) = claim(engine, now=NOW + LEASE)
    assert (
        again.create_attempted_at
        == rows(engine, outbox_table)[0].create_attempted_at
        == NOW + LEASE
    )


def test_a_dead_deliverys_create_counts_as_attempted_at_its_next_claim(engine: Engine) -> None:
    delivery = claimed(engine, now=AHEAD)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", AHEAD)
        outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, "no", AHEAD)
    correct_times(engine)
    with writing(engine) as connection:
        retry_discard.retry(connection, [delivery.id], NOW)
    (again,) = claim(engine, now=NOW)
    assert again.create_attempted_at == rows(engine, outbox_table)[0].create_attempted_at == NOW


def test_a_create_that_was_attempted_before_keeps_its_time(engine: Engine) -> None:
    delivery = claimed(engine, now=NOW - DAY)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", NOW - DAY)
    (again,) = claim(engine, now=NOW)
    assert again.create_attempted_at == NOW - DAY


def test_samples_are_taken_on(engine: Engine) -> None:
    with writing(engine) as connection:
        samples.take(connection, AHEAD)
    correct_times(engine)
    with writing(engine) as connection:
        samples.take(connection, NOW)
    assert {row.at <= NOW for row in rows(engine, provider_samples_table)} == {True}


def test_a_webhook_tells_from_now_on(engine: Engine) -> None:
    with writing(engine) as connection:
        webhook_events.begin(connection, AHEAD)
    correct_times(engine)
    with reading(engine) as connection:
        assert webhook_events.begun_at(connection) == NOW


def test_what_is_attempted_after_a_sweep_of_that_time_is_suspect_after_a_sleep(
    engine: Engine,
) -> None:
    with writing(engine) as connection:
        unclean_attempts.note_swept(connection, "mlflow", AHEAD)
    correct_times(engine)
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", NOW)
    with reading(engine) as connection:
        found = unclean_attempts.suspect_keys(connection, "mlflow", NOW + 3 * DAY)
    assert found == [delivery.key]
