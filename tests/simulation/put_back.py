"""Faults put back into the product by hand: each has to be found by some seed, or the simulator is blind.

The first ten were there once, found by tests or by the simulator; the others could have been written.
`seed` is one that finds the fault. The table in docs/reference/reliability.md is made of this list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from unittest.mock import patch

from sqlalchemy import Connection, Integer, and_, bindparam, select, update

from fairmind_sync.daemon.dispatcher import Dispatcher
from fairmind_sync.intake import save as intake_save
from fairmind_sync.outbox import (
    claims,
    outcomes,
    provider_state,
    pruning,
    repairs,
    retry_discard,
    saving,
    unclean_attempts,
)
from fairmind_sync.providers.base import Delivered
from fairmind_sync.providers.mlflow import provider as mlflow_provider
from fairmind_sync.providers.mlflow.runs_api import UncertainError
from fairmind_sync.providers.mlflow.second_runs import MlflowSweep
from fairmind_sync.providers.wandb.provider import WandbProvider
from fairmind_sync.relay import journal, loop, sweep
from fairmind_sync.results.delivery import Run
from fairmind_sync.results.evidence_states import EvidenceKind
from fairmind_sync.storage.engine import current_time, reading, writing
from fairmind_sync.storage.tables import attempts_table, outbox_table, results_table
from tests.simulation.events import Planned, Step
from tests.simulation.faults import OUTAGE, Fault
from tests.simulation.mlflow_service import MlflowModelApi
from tests.simulation.more_hosts import ONE_HOST
from tests.simulation.plan import Plan, plan_of

PutBack: TypeAlias = Callable[[], list[Any]]


@dataclass(frozen=True, slots=True)
class PutBackFault:
    """A fault by its name; `made` returns the patches that make it.

    Where a seed rarely has what it takes, `events` are a plan of their own, of so many `hours`.
    """

    name: str
    made: PutBack
    seed: int
    events: tuple[Planned, ...] = ()
    hosts: tuple[bool, ...] = ONE_HOST
    evidence: EvidenceKind = "none"
    hours: float = 0.5

    @property
    def plan(self) -> Plan:
        if not self.events:
            return plan_of(self.seed)
        numbers = (*range(len(self.events)),)
        given = self.events, numbers, self.hosts
        return Plan(self.seed, self.hours, 5, None, *given, evidence=self.evidence)


def _no_token() -> list[Any]:
    statement = update(outbox_table).where(
        outbox_table.c.id == bindparam("of_delivery"), bindparam("of_lease").is_not(None)
    )
    return [patch.object(outcomes, "_WRITE_LEASED", statement)]


def _no_grace() -> list[Any]:
    return [patch.object(mlflow_provider, "GRACE", timedelta())]


def _sweep_deletes_all(self: Any, run_id: str, _key: str) -> None:
    self.api.delete_run(run_id)


def _release_counts() -> list[Any]:
    def give_back(connection: Connection, delivery: Any) -> bool:
        statement = update(outbox_table).where(outcomes._leased(delivery))
        return bool(connection.execute(statement.values(**claims.NO_LEASE)).rowcount)

    return [patch.object(outcomes, "_give_back", give_back)]


def _uncorrected_times() -> list[Any]:
    return [patch.object(repairs, "correct_times", lambda *_given, **_named: None)]


def _sweeps_when_ready(self: Any, slot: Any, now: datetime) -> None:
    with reading(self._engine) as connection:
        is_ready = provider_state.read(connection, slot.provider).is_ready
        if is_ready and sweep.is_called_for(connection, slot.provider, now):
            self._pool.start_drain(slot, and_sweep=True)


def _suspect_for_a_day() -> list[Any]:
    def suspect_keys(
        connection: Connection, provider: Any, now: datetime, limit: int | None = None
    ) -> list[str]:
        keys = (
            select(outbox_table.c.delivery_key)
            .join_from(attempts_table, outbox_table)
            .where(
                unclean_attempts.is_recent(now),
                outbox_table.c.provider == provider,
                outbox_table.c.create_attempted_at.is_not(None),
            )
        )
        return list(connection.execute(keys.distinct().limit(limit)).scalars())

    return [patch.object(unclean_attempts, "suspect_keys", suspect_keys)]


def _unconfirmed(self: Any, unconfirmed: Any, _journal: object) -> Iterator[Any]:
    yield [
        (one, Delivered(Run(key, "https://wandb.simulated"), "team/project"))
        for key, (one, _) in unconfirmed.items()
    ]
    unconfirmed.clear()


def _finish_is_believed() -> list[Any]:
    real = MlflowModelApi.finish_run

    def finish_run(self: Any, run_id: str, end: datetime) -> None:
        try:
            real(self, run_id, end)
        except UncertainError:
            return

    return [patch.object(MlflowModelApi, "finish_run", finish_run)]


def _live_leases_are_taken() -> list[Any]:
    of = outbox_table.c
    due = (of.provider == claims.OF_PROVIDER, of.status == "pending", of.due_at <= claims.AT)
    first = select(of.id, of.lease_token).where(*due).order_by(of.due_at, of.id)
    statement = first.limit(bindparam("most", type_=Integer)).with_for_update(skip_locked=True)
    return [patch.object(claims, "_NEXT", statement)]


def _bury_live() -> list[Any]:
    def bury(connection: Connection, provider: Any, *, max_attempts: int, now: datetime) -> Any:
        buried = connection.execute(
            update(outbox_table)
            .where(
                outbox_table.c.provider == provider,
                outbox_table.c.lease_token.is_not(None),
                outbox_table.c.attempts >= min(max_attempts, 2),
            )
            .values(
                status="dead",
                finished_at=now,
                lease_token=None,
                lease_expires_at=None,
                last_error="exhausted",
                last_error_kind="worker_died",
            )
            .returning(outbox_table.c.id)
        )
        return [row.id for row in buried]

    return [patch.object(repairs, "bury_exhausted", bury)]


def _deletion_takes_leases() -> list[Any]:
    def discard(connection: Connection, ids: Any, reason: str, now: datetime, **_how: bool) -> int:
        discarded = update(outbox_table).where(
            outbox_table.c.id.in_(ids), outbox_table.c.status.in_(("pending", "dead"))
        )
        return connection.execute(
            discarded.values(
                status="discarded",
                finished_at=now,
                last_error=reason,
                last_error_kind="discarded",
                **claims.NO_LEASE,
            )
        ).rowcount

    return [patch.object(retry_discard, "discard", discard)]


def _two_transactions() -> list[Any]:
    def save_all(engine: Any, results: Any, providers: Any) -> Any:
        with writing(engine) as connection:
            saving.save_all(connection, [*results], (), current_time(engine))
        with writing(engine) as connection:
            return saving.save_all(connection, [*results], providers, current_time(engine))

    return [patch.object(intake_save, "save_all", save_all)]


def _prunes_all_that_is_old() -> list[Any]:
    def is_prunable(retention: timedelta, now: datetime) -> Any:
        return and_(
            results_table.c.erased_at.is_(None), results_table.c.created_at < now - retention
        )

    return [patch.object(pruning, "_is_prunable", is_prunable)]


def swapped(owner: Any, name: str, value: Any) -> PutBack:
    """Has `owner` have that value under the name."""
    return lambda: [patch.object(owner, name, value)]


_AWAY_IN_ITS_SWEEP = (
    Step(1.0, "another daemon"),
    Step(5.0, "save", amount=1),
    Fault("mlflow create", 1, "freeze", 60.0),
    Step(595.0, "away", "mlflow", 60.0),
)

FAULTS = (
    PutBackFault("a write without the lease's token", _no_token, 34),
    PutBackFault("a grace period of 0 after a lost create", _no_grace, 50),
    PutBackFault(
        "a sweep that deletes the recorded run",
        swapped(MlflowSweep, "_put_right", _sweep_deletes_all),
        3,
    ),
    PutBackFault(
        "a failure that counts though the provider is away",
        swapped(loop, "is_away", lambda *_given: False),
        0,
        (Step(5.0, "save", amount=1), Fault("mlflow log", 1, OUTAGE, 120.0)),
    ),
    PutBackFault("an attempt that counts though it was given back", _release_counts, 9),
    PutBackFault("a clock set back, and times left ahead", _uncorrected_times, 34),
    PutBackFault(
        "a provider that is away is not probed where nothing is due",
        swapped(Dispatcher, "_sweep", _sweeps_when_ready),
        0,
        _AWAY_IN_ITS_SWEEP,
    ),
    PutBackFault("an attempt that is forgotten after a day's sleep", _suspect_for_a_day, 1),
    PutBackFault(
        "a create that is not written down before",
        swapped(journal.OutboxJournal, "creating", lambda *_given: None),
        0,
    ),
    PutBackFault(
        "a W&B run that is delivered without being read back",
        swapped(WandbProvider, "_confirm_the_rest", _unconfirmed),
        2,
    ),
    PutBackFault("an unanswered finish that is believed", _finish_is_believed, 3),
    PutBackFault("a claim that takes live leases", _live_leases_are_taken, 0),
    PutBackFault("a burial of what is under way", _bury_live, 0),
    PutBackFault("a deletion that ends live leases", _deletion_takes_leases, 4),
    PutBackFault("a result that is committed before its deliveries", _two_transactions, 3),
    PutBackFault("a retention that erases what is still owed", _prunes_all_that_is_old, 10),
    PutBackFault("no sweep at all", swapped(sweep, "is_called_for", lambda *_given: False), 9),
)


@contextmanager
def put_back(fault: PutBackFault) -> Iterator[None]:
    """Has the product the fault within the block."""
    with ExitStack() as stack:
        for one in fault.made():
            stack.enter_context(one)
        yield
