"""What puts deliveries right for which nobody holds a lease."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import Engine

from fairmind_sync.backoff import LONGEST_DELAY
from fairmind_sync.outbox import outcomes, provider_state, repairs, unclean_attempts
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table as table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import LEASE, RUN, claim, claimed, delivered, save

pytestmark = pytest.mark.both_databases

HOUR = timedelta(hours=1)


def end_leases(engine: Engine, worker: str = "host:1", provider: ProviderName = "mlflow") -> int:
    with writing(engine) as connection:
        return repairs.end_leases(connection, provider, worker, chance=Random(1), now=NOW)


def correct_times(engine: Engine, *, back: timedelta, longest_wait: timedelta) -> None:
    """As after a clock that was set back from NOW."""
    with writing(engine) as connection:
        repairs.correct_times(connection, longest_wait=longest_wait, lease=LEASE, now=NOW - back)


def test_what_a_dead_worker_held_is_claimable_as_soon_as_it_is_due(engine: Engine) -> None:
    claimed(engine)
    end_leases(engine)
    (row,) = rows(engine, table)
    assert [one.id for one in claim(engine, now=row.due_at)] == [row.id]


def test_what_killed_a_worker_lets_its_neighbours_go_first(engine: Engine) -> None:
    killer = claimed(engine)
    end_leases(engine)
    save(engine, "mlflow")
    assert killer.id not in [one.id for one in claim(engine)]


def test_the_attempt_of_a_dead_worker_stays_counted(engine: Engine) -> None:
    claimed(engine)
    end_leases(engine)
    assert rows(engine, table)[0].attempts == 1


def test_a_dead_workers_delivery_is_claimed_alone(engine: Engine) -> None:
    for _ in range(3):
        save(engine, "mlflow")
    claim(engine, limit=2)
    end_leases(engine)
    later = max(row.due_at for row in rows(engine, table))
    assert len(claim(engine, now=later)) == 1


@pytest.mark.parametrize(("worker", "provider"), [("host:2", "mlflow"), ("host:1", "wandb")])
def test_what_others_hold_is_left_alone(
    engine: Engine, worker: str, provider: ProviderName
) -> None:
    claimed(engine)
    assert end_leases(engine, worker, provider) == 0


def test_a_clock_that_was_set_back_leaves_nothing_waiting_for_hours(engine: Engine) -> None:
    save(engine, "mlflow")
    correct_times(engine, back=3 * HOUR, longest_wait=timedelta())
    assert len(claim(engine, now=NOW - 3 * HOUR)) == 1


def test_a_lease_is_held_no_longer_than_a_new_one(engine: Engine) -> None:
    claimed(engine)
    correct_times(engine, back=3 * HOUR, longest_wait=timedelta())
    assert rows(engine, table)[0].lease_expires_at == NOW - 3 * HOUR + LEASE


def test_a_create_in_the_future_counts_as_attempted_now(engine: Engine) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", NOW)
    correct_times(engine, back=HOUR, longest_wait=timedelta())
    assert rows(engine, table)[0].create_attempted_at == NOW - HOUR


def test_a_probe_in_the_future_is_due_at_once(engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.note_blocked(connection, "mlflow", "no key", chance=Random(1), now=NOW)
    correct_times(engine, back=3 * HOUR, longest_wait=LONGEST_DELAY)
    with reading(engine) as connection:
        assert provider_state.read(connection, "mlflow").next_probe_at == NOW - 3 * HOUR


def test_what_may_wait_goes_on_waiting(engine: Engine) -> None:
    save(engine, "mlflow")
    correct_times(engine, back=HOUR / 2, longest_wait=LONGEST_DELAY)
    assert rows(engine, table)[0].due_at == NOW


def test_a_delivered_run_that_is_complete_no_longer_is_delivered_again(engine: Engine) -> None:
    delivery = delivered(engine)
    with writing(engine) as connection:
        repairs.reopen(connection, "mlflow", delivery.key, "it is running", NOW)
    (again,) = claim(engine)
    assert (again.key, again.run_id, again.attempts) == (delivery.key, "run-1", 1)


def test_only_what_is_delivered_is_reopened(engine: Engine) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        assert not repairs.reopen(connection, "mlflow", delivery.key, "it is running", NOW)


def test_an_unclean_attempt_that_may_have_made_a_run_is_a_suspect(engine: Engine) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", NOW)
        outcomes.record_retry(
            connection, delivery, ErrorKind.UNCERTAIN, "lost", due_at=NOW, now=NOW
        )
    assert suspects(engine) == [delivery.key]


def test_an_attempt_that_made_no_run_is_no_suspect(engine: Engine) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.record_retry(connection, delivery, ErrorKind.REJECTED, "no", due_at=NOW, now=NOW)
    assert suspects(engine) == []


def test_a_delivery_that_was_delivered_at_once_is_no_suspect(engine: Engine) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", NOW)
        outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW)
    assert suspects(engine) == []


def suspects(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return unclean_attempts.suspect_keys(connection, "mlflow", NOW + HOUR)
