"""The outbox against a model of it: workers claim, die, come late; operators retry and discard; time passes.

Hypothesis draws the order. A longer hunt: raise EXAMPLES and run this file alone, with `-n0`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, Engine

from fairmind_sync.errors import LeaseLostError
from fairmind_sync.outbox import claims, outcomes, repairs, retry_discard, saving
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import let_go, writing
from fairmind_sync.storage.tables import attempts_table
from fairmind_sync.storage.tables import outbox_table as table
from fairmind_sync.testing import new_result
from tests.outbox.conftest import NewDatabase
from tests.outbox.model import Held, Row
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import LEASE

EXAMPLES = 500 if settings.get_current_profile_name() == "nightly" else 10
STEPS = 50
MOST_ATTEMPTS = 3
PROVIDER: ProviderName = "mlflow"


class OutboxMachine(RuleBasedStateMachine):
    def __init__(self, new_database: NewDatabase) -> None:
        super().__init__()
        self.new_database = new_database

    @initialize()
    def open(self) -> None:
        self.stack = ExitStack()
        url = self.stack.enter_context(self.new_database())
        self.engine: Engine = schema.ready_engine(url)
        self.stack.callback(let_go, url)
        self.now = NOW
        self.model: dict[int, Row] = {}
        self.held: list[Held] = []

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            with self.stack:
                self._nothing_is_stuck()

    @rule()
    def save(self) -> None:
        with writing(self.engine) as connection:
            saving.save(connection, new_result(), [PROVIDER], self.now)
        self.model[len(self.model) + 1] = Row(due_at=self.now)

    @rule(limit=st.integers(1, 4))
    def claim(self, limit: int) -> None:
        with writing(self.engine) as connection:
            buried = repairs.bury_exhausted(
                connection, PROVIDER, max_attempts=MOST_ATTEMPTS, now=self.now
            )
            claimed = claims.claim(
                connection, PROVIDER, limit=limit, lease=LEASE, worker="h:1", now=self.now
            )
        assert set(buried) == self._bury()
        assert [one.id for one in claimed] == self._expected_claim(limit)
        for delivery in claimed:
            row = self.model[delivery.id]
            row.attempts += 1
            row.token, row.lease_until = delivery.lease_token, self.now + LEASE
            self.held.append(Held(delivery))

    def _bury(self) -> set[int]:
        """What a worker left leased in the last attempt."""
        exhausted = {
            id_
            for id_, row in self.model.items()
            if row.is_claimable(self.now)
            and row.attempts >= MOST_ATTEMPTS
            and row.token is not None
        }
        for id_ in exhausted:
            self.model[id_].status = "dead"
            self.model[id_].give_back()
        return exhausted

    def _expected_claim(self, limit: int) -> list[int]:
        """In the order of their due times; one whose lease ran out comes alone."""
        due = sorted(
            (row.due_at, id_) for id_, row in self.model.items() if row.is_claimable(self.now)
        )[:limit]
        ids = [id_ for _, id_ in due]
        abandoned = [id_ for id_ in ids if self.model[id_].token is not None]
        return abandoned[:1] or ids

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def create(self, data: st.DataObject) -> None:
        """The provider made the run, and the worker writes down which."""
        held = data.draw(st.sampled_from(self.held))
        run_id = held.delivery.run_id or f"run-{held.delivery.id}-{held.delivery.lease_token}"

        def note(connection: Connection) -> None:
            outcomes.note_creating(connection, held.delivery, "somewhere", self.now)
            outcomes.note_created(connection, held.delivery, run_id)

        if self._writes(held, note):
            self.model[held.delivery.id].run_id = run_id

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        held = self._take(data)
        run = Run(self.model[held.delivery.id].run_id or f"run-{held.delivery.id}", None)
        if self._writes(
            held,
            lambda connection: outcomes.record_delivered(
                connection, held.delivery, run, "somewhere", self.now
            ),
        ):
            self._end(held, "delivered")
            self.model[held.delivery.id].run_id = run.id

    @precondition(lambda self: self.held)
    @rule(data=st.data(), wait=st.integers(0, 120))
    def fail(self, data: st.DataObject, wait: int) -> None:
        held = self._take(data)
        due_at = self.now + timedelta(seconds=wait)
        if self._writes(
            held,
            lambda connection: outcomes.record_retry(
                connection, held.delivery, ErrorKind.UNCERTAIN, "no", due_at=due_at, now=self.now
            ),
        ):
            self.model[held.delivery.id].due_at = due_at
            self.model[held.delivery.id].give_back()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        held = self._take(data)
        if self._writes(
            held,
            lambda connection: outcomes.record_dead(
                connection, held.delivery, ErrorKind.REJECTED, "no", self.now
            ),
        ):
            self._end(held, "dead")

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        held = self._take(data)
        with writing(self.engine) as connection:
            outcomes.release(connection, [held.delivery], self.now, "stopped")
        if self._owns(held):
            self.model[held.delivery.id].attempts -= 1
            self.model[held.delivery.id].give_back()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """A worker says nothing more."""
        self._take(data)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.model)))
        row = self.model[id_]
        with writing(self.engine) as connection:
            assert retry_discard.retry(connection, [id_], self.now) == (row.status == "dead")
        if row.status == "dead":
            row.status, row.attempts, row.due_at = "pending", 0, self.now

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.model)))
        row = self.model[id_]
        free = row.lease_until is None or row.lease_until <= self.now
        allowed = row.status == "dead" or (row.status == "pending" and free)
        with writing(self.engine) as connection:
            assert retry_discard.discard(connection, [id_], "no use", self.now) == allowed
        if allowed:
            row.status = "discarded"
            row.give_back()

    @rule(seconds=st.sampled_from([1, 20, 49, 50, 51, 3600]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def restart(self) -> None:
        self.engine.dispose()

    @invariant()
    def the_database_is_as_the_model(self) -> None:
        if not hasattr(self, "engine"):
            return
        stored = {
            row.id: Row(
                row.status,
                row.attempts,
                row.due_at,
                row.lease_token,
                row.lease_expires_at,
                row.run_id,
            )
            for row in rows(self.engine, table)
        }
        assert stored == self.model

    @invariant()
    def an_attempt_is_open_for_each_lease(self) -> None:
        if not hasattr(self, "engine"):
            return
        unfinished = {
            attempt.lease_token
            for attempt in rows(self.engine, attempts_table)
            if attempt.finished_at is None
        }
        leased = {row.token for row in self.model.values() if row.token is not None}
        assert leased <= unfinished

    def _take(self, data: st.DataObject) -> Held:
        held: Held = data.draw(st.sampled_from(self.held))
        self.held.remove(held)
        return held

    def _owns(self, held: Held) -> bool:
        return self.model[held.delivery.id].token == held.delivery.lease_token

    def _writes(self, held: Held, write: Callable[[Connection], Any]) -> bool:
        """Whether the write went through: it does for the lease's owner, and for nobody else."""
        if self._owns(held):
            with writing(self.engine) as connection:
                write(connection)
            return True
        with pytest.raises(LeaseLostError), writing(self.engine) as connection:
            write(connection)
        return False

    def _end(self, held: Held, status: str) -> None:
        self.model[held.delivery.id].status = status
        self.model[held.delivery.id].give_back()

    def _nothing_is_stuck(self) -> None:
        """An undisturbed worker finishes all that is pending, as soon as leases and waits are over."""
        self.now += timedelta(hours=2)
        waiting = [id_ for id_, row in self.model.items() if row.status == "pending"]
        done: set[int] = set()
        with writing(self.engine) as connection:
            while claimed := claims.claim(
                connection, PROVIDER, limit=4, lease=LEASE, worker="h:2", now=self.now
            ):
                for one in claimed:
                    outcomes.record_delivered(connection, one, Run("r", None), "x", self.now)
                    done.add(one.id)
        assert done == set(waiting)


def test_the_outbox_is_as_its_model(new_database: NewDatabase) -> None:
    run_state_machine_as_test(
        lambda: OutboxMachine(new_database),  # type: ignore[arg-type]  # takes any factory
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
