"""Faults put back into what becomes of worker processes that die, hang or are away for long."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, update

from fairmind_sync.daemon.worker_slot import SlotState, WorkerSlot
from fairmind_sync.outbox import provider_state, repairs
from fairmind_sync.providers import probe
from fairmind_sync.providers.mlflow.content import DELIVERY_KEY_TAG
from fairmind_sync.providers.mlflow.provider import MlflowProvider
from fairmind_sync.providers.wandb.provider import WandbProvider
from fairmind_sync.relay import loop
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.storage.tables import outbox_table
from tests.simulation import simulation
from tests.simulation.events import Step
from tests.simulation.faults import OUTAGE, Fault
from tests.simulation.put_back import PutBackFault, swapped
from tests.simulation.workers import Watchdog

_SHORT_CALM = patch.object(simulation, "LONGEST_CALM", 120.0)
"""Enough to see that nothing comes of it; a daemon looks five times a second then."""


def _all_leases_end() -> list[Any]:
    def end_leases(
        connection: Connection, provider: Any, _worker: str, *, chance: Any, now: datetime
    ) -> int:
        ended = update(outbox_table).where(
            outbox_table.c.provider == provider, outbox_table.c.lease_expires_at > now
        )
        return connection.execute(ended.values(lease_expires_at=now)).rowcount

    return [patch.object(repairs, "end_leases", end_leases)]


def _has_lost_what_it_knows(slot: WorkerSlot) -> bool:
    return slot.state is SlotState.DRAINING and slot.dead_worker() is not None


def _leased_for_a_day() -> list[Any]:
    a_day = timedelta(days=1)
    return [patch.object(one, "LEASE", a_day) for one in (loop, repairs)] + [_SHORT_CALM]


def _never_probed() -> list[Any]:
    return [patch.object(provider_state, "take_probe", lambda *_given: False), _SHORT_CALM]


def _unrecorded_leftovers() -> list[Any]:
    return [patch.object(repairs, "note_abandoned", lambda *_given: True)]


def _found_and_not_recorded(
    self: MlflowProvider, delivery: Delivery, experiment_id: str, _journal: object
) -> str | None:
    return self._api.find_run(experiment_id, DELIVERY_KEY_TAG, delivery.key)


FAULTS_OF_WORKERS = (
    PutBackFault(
        "a worker that died, and whose slot stays busy",
        swapped(WorkerSlot, "has_lost_its_process", lambda _slot: False),
        24,
    ),
    PutBackFault(
        "a worker that died before it told its process id",
        swapped(WorkerSlot, "has_lost_its_process", _has_lost_what_it_knows),
        0,
        (Step(5.0, "save", amount=1), Step(6.0, "kill worker")),
    ),
    PutBackFault(
        "a watchdog that ends nothing", swapped(Watchdog, "watch", lambda *_given: None), 30
    ),
    PutBackFault(
        "a probe that hangs, and that nobody ends",
        swapped(Relay, "_probe", lambda relay: probe(relay.provider)),
        0,
        (
            Step(5.0, "save", amount=1),
            Fault("mlflow create", 1, OUTAGE, 20.0),
            Fault("mlflow tag_experiment", 1, "hang"),
            Step(600.0, "save", amount=1),
        ),
    ),
    PutBackFault("a dead worker that ends everybody's leases", _all_leases_end, 0),
    PutBackFault(
        "a lease that outlives its worker for a day",
        _leased_for_a_day,
        0,
        (
            Step(5.0, "save", amount=1),
            Fault("mlflow log", 1, "hang"),
            Step(15.0, "kill daemon"),
        ),
    ),
    PutBackFault(
        "a sweep that leaves two runs of what is given up",
        _unrecorded_leftovers,
        0,
        (
            Step(1.0, "another daemon"),
            Step(5.0, "save", amount=1),
            Fault("mlflow create", 1, "freeze", 150.0),
            Fault("mlflow create", 2, "freeze", 150.0),
            Step(120.0, "discard", "mlflow"),
        ),
    ),
    PutBackFault(
        "a run that is found, and not recorded before it is filled",
        swapped(MlflowProvider, "_earlier_run", _found_and_not_recorded),
        0,
        (
            Step(1.0, "another daemon"),
            Step(5.0, "save", amount=1),
            Fault("mlflow create", 1, "freeze", 200.0),
            Fault("mlflow create", 2, "no_reply"),
            Fault("mlflow log", 1, "freeze", 150.0),
            Step(170.0, "discard", "mlflow"),
        ),
    ),
    PutBackFault(
        "a probe that nobody makes",
        _never_probed,
        0,
        (Step(2.0, "away", "mlflow", 60.0), Step(3.0, "save", amount=1)),
        hours=0.1,
    ),
    PutBackFault(
        "a W&B id that stays in use after an outage",
        swapped(WandbProvider, "_recycle", lambda _provider: None),
        0,
        (
            Step(5.0, "save", amount=5),
            Fault("wandb upsert", 5, OUTAGE, 600.0),
            Step(35.0, "flaky", "wandb", 2.0),
        ),
    ),
)
