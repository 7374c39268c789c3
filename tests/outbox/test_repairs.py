"""What puts deliveries right for which nobody holds a lease."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import Engine, update

from fairmind_sync.backoff import LONGEST_DELAY, retry_delay
from fairmind_sync.outbox import (
    claims,
    counters,
    owed_evidence,
    provider_state,
    repairs,
    webhook_events,
)
from fairmind_sync.outbox.counters import AttemptCount
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.evidence_states import EvidenceState
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table as table
from fairmind_sync.storage.tables import provider_table, results_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import LEASE, claim, claimed, delivered, save

pytestmark = pytest.mark.both_databases

HOUR = timedelta(hours=1)


def end_leases(engine: Engine, worker: str = "host:1", provider: ProviderName = "mlflow") -> int:
    with writing(engine) as connection:
        return repairs.end_leases(connection, provider, worker, chance=Random(1), now=NOW)


def correct_times(engine: Engine, *, back: timedelta, longest_wait: timedelta) -> None:
    """As after a clock that was set back from NOW."""
    with writing(engine) as connection:
        repairs.correct_times(connection, now=NOW - back, longest_wait=longest_wait)


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


def test_what_another_worker_has_claimed_since_is_left_alone(engine: Engine) -> None:
    """The dead worker's attempt is on record, with the token that it had."""
    claimed(engine, now=NOW - LEASE)
    with writing(engine) as connection:
        claims.claim(connection, "mlflow", limit=1, lease=LEASE, worker="host:2", now=NOW)
    before = rows(engine, table)
    assert (end_leases(engine), rows(engine, table)) == (0, before)


def test_what_a_dead_worker_held_beside_another_one_is_all_that_ends(engine: Engine) -> None:
    claimed(engine)
    save(engine, "mlflow")
    with writing(engine) as connection:
        claims.claim(connection, "mlflow", limit=1, lease=LEASE, worker="host:2", now=NOW)
    assert (end_leases(engine), [row.lease_expires_at for row in rows(engine, table)]) == (
        1,
        [NOW, NOW + LEASE],
    )


def test_a_lease_that_ran_out_is_not_ended_again(engine: Engine) -> None:
    claimed(engine, now=NOW - LEASE)
    before = rows(engine, table)
    assert (end_leases(engine), rows(engine, table)) == (0, before)


def test_what_a_dead_worker_held_waits_as_after_that_many_attempts(engine: Engine) -> None:
    for ago in (2, 1, 0):
        claim(engine, now=NOW - ago * LEASE) if ago < 2 else claimed(engine, now=NOW - 2 * LEASE)
    end_leases(engine)
    assert rows(engine, table)[0].due_at == NOW + retry_delay(3, Random(1))


@pytest.mark.parametrize("early", ["lease", "due"])
def test_what_is_held_or_not_due_is_not_buried(engine: Engine, early: str) -> None:
    """A worker that died is not known to have died before its lease ran out, or its retry is due."""
    claimed(engine)
    just_before = NOW + LEASE - timedelta(microseconds=1)
    with writing(engine) as connection:
        if early == "due":
            connection.execute(update(table).values(lease_expires_at=NOW, due_at=NOW + LEASE))
        buried = [
            repairs.bury_exhausted(connection, "mlflow", max_attempts=1, now=now)
            for now in (just_before, NOW + LEASE)
        ]
    assert buried == [[], [1]]


@pytest.mark.parametrize(("provider", "most"), [("wandb", 1), ("mlflow", 2)])
def test_neither_anothers_nor_what_has_attempts_left_is_buried(
    engine: Engine, provider: ProviderName, most: int
) -> None:
    claimed(engine)
    with writing(engine) as connection:
        assert (
            repairs.bury_exhausted(connection, provider, max_attempts=most, now=NOW + LEASE) == []
        )


def test_what_was_given_back_is_not_buried(engine: Engine) -> None:
    """It used up its attempts, but each of them has an outcome."""
    save(engine, "mlflow")
    with writing(engine) as connection:
        connection.execute(update(table).values(attempts=5))
        assert repairs.bury_exhausted(connection, "mlflow", max_attempts=5, now=NOW) == []


def test_what_is_buried_counts_as_a_dead_attempt(engine: Engine) -> None:
    claimed(engine)
    with writing(engine) as connection:
        repairs.bury_exhausted(connection, "mlflow", max_attempts=1, now=NOW + LEASE)
        assert counters.attempts(connection) == [AttemptCount("mlflow", "dead", "worker_died", 1)]


def test_a_clock_that_was_set_back_leaves_nothing_waiting_for_hours(engine: Engine) -> None:
    save(engine, "mlflow")
    correct_times(engine, back=3 * HOUR, longest_wait=timedelta())
    assert len(claim(engine, now=NOW - 3 * HOUR)) == 1


def test_a_lease_is_held_no_longer_than_a_new_one(engine: Engine) -> None:
    claimed(engine)
    correct_times(engine, back=3 * HOUR, longest_wait=timedelta())
    assert rows(engine, table)[0].lease_expires_at == NOW - 3 * HOUR + LEASE


def test_what_nobody_could_have_meant_otherwise_is_left_as_it_is(engine: Engine) -> None:
    """A lease as long as a new one, a retry as late as the longest."""
    claimed(engine)
    with writing(engine) as connection:
        connection.execute(update(table).values(due_at=NOW + LONGEST_DELAY))
    before = rows(engine, table)
    correct_times(engine, back=timedelta(), longest_wait=LONGEST_DELAY)
    assert rows(engine, table) == before


def test_a_lease_that_is_shorter_than_a_new_one_is_not_made_longer(engine: Engine) -> None:
    claimed(engine, now=NOW - LEASE / 2)
    correct_times(engine, back=timedelta(), longest_wait=LONGEST_DELAY)
    assert rows(engine, table)[0].lease_expires_at == NOW + LEASE / 2


def test_what_has_ended_keeps_its_times(engine: Engine) -> None:
    delivered(engine)
    with writing(engine) as connection:
        connection.execute(update(table).values(due_at=NOW))
    before = rows(engine, table)
    correct_times(engine, back=3 * HOUR, longest_wait=timedelta())
    assert rows(engine, table) == before


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


@pytest.mark.parametrize("wrong", ["provider", "key"])
def test_another_delivery_is_not_reopened(engine: Engine, wrong: str) -> None:
    delivery = delivered(engine)
    before = rows(engine, table)
    provider: ProviderName = "wandb" if wrong == "provider" else "mlflow"
    key = "0" * 32 if wrong == "key" else delivery.key
    with writing(engine) as connection:
        assert not repairs.reopen(connection, provider, key, "it is running", NOW)
    assert rows(engine, table) == before


@pytest.mark.parametrize("gone", ["deleted_at", "erased_at"])
def test_what_has_no_payload_any_more_or_soon_is_not_reopened(engine: Engine, gone: str) -> None:
    delivery = delivered(engine)
    with writing(engine) as connection:
        connection.execute(update(results_table).values({gone: NOW}))
        assert not repairs.reopen(connection, "mlflow", delivery.key, "it is running", NOW)


def test_what_is_reopened_says_why(engine: Engine) -> None:
    delivery = delivered(engine)
    with writing(engine) as connection:
        assert repairs.reopen(connection, "mlflow", delivery.key, "it is running", NOW + HOUR)
    (row,) = rows(engine, table)
    assert (row.status, row.attempts, row.due_at, row.finished_at) == (
        "pending",
        0,
        NOW + HOUR,
        None,
    )
    assert (row.last_error, row.last_error_kind) == ("it is running", "incomplete")


def test_evidence_does_not_wait_for_the_hours_that_a_clock_was_set_back(engine: Engine) -> None:
    delivery = delivered(engine)
    with writing(engine) as connection:
        refused = EvidenceState("refused", "the disk is full")
        owed_evidence.note(connection, delivery.id, refused, NOW)
        owed_evidence.note_refused_store(connection, "mlflow", NOW)
    correct_times(engine, back=3 * HOUR, longest_wait=timedelta())
    with reading(engine) as connection:
        assert owed_evidence.is_due(connection, "mlflow", NOW - 3 * HOUR)


def test_a_webhook_is_told_at_once_after_a_clock_was_set_back(engine: Engine) -> None:
    with writing(engine) as connection:
        webhook_events.add(connection, "key", {}, NOW)
    correct_times(engine, back=3 * HOUR, longest_wait=timedelta())
    with reading(engine) as connection:
        assert webhook_events.is_any_due(connection, NOW - 3 * HOUR)


@pytest.mark.parametrize("name", ["since", "last_success_at", "paused_at"])
def test_nothing_is_said_to_have_been_in_the_future(engine: Engine, name: str) -> None:
    """A provider that was reached, and paused, before the clock was set back."""
    with writing(engine) as connection:
        provider_state.note_success(connection, "mlflow", NOW)
        provider_state.pause(connection, "mlflow", NOW)
    correct_times(engine, back=3 * HOUR, longest_wait=timedelta())
    (row,) = rows(engine, provider_table)
    assert getattr(row, name) == NOW - 3 * HOUR
