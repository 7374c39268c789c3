"""Faults put back into sweeps: what becomes of their own requests, when those hang or come late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

from fairmind_sync.daemon.dispatcher import Dispatcher
from fairmind_sync.outbox.unclean_attempts import Standing
from fairmind_sync.providers import putting_right
from fairmind_sync.providers.wandb import opened_again
from fairmind_sync.providers.wandb.opened_again import WandbSweep
from fairmind_sync.relay import sweep
from fairmind_sync.results.states import DELIVERED
from tests.simulation.events import Planned, Step
from tests.simulation.faults import Fault
from tests.simulation.mlflow_service import MlflowModelApi
from tests.simulation.put_back import PutBackFault, swapped

_DEAD_AND_RUNNING: tuple[Planned, ...] = (
    Step(5.0, "save", amount=1),
    *(Fault("mlflow finish", nth, "lost") for nth in range(1, 6)),
)
"""By five attempts; the first sweep comes at 300 s, the next ones at 600 s and 1,200 s."""


_NIGHT_S = 86_500.0


def _by_the_wall_clock() -> list[Any]:
    """As it was: whatever the machine has slept."""

    def is_an_interval_later(self: Dispatcher) -> bool:
        before, self._awake_since = self._awake_since, self._machine.steady()
        passed = timedelta(seconds=self._awake_since - before) + self._clock_watch.jump()
        self._clock_watch.settle()
        return sweep.INTERVAL / 2 <= passed <= sweep.INTERVAL * 3 / 2

    return [patch.object(Dispatcher, "_is_an_interval_later", is_an_interval_later)]


def _delivers_again(self: WandbSweep, key: str, state: str) -> bool:
    self.ledger.deliver_again(key, state)
    return False


def _is_delivered(standing: Standing) -> bool:
    return standing.status == DELIVERED


FAULTS_OF_SWEEPS = (
    PutBackFault(
        "a sweep that nobody ends, though its request hangs",
        swapped(sweep, "LONGEST", timedelta(days=1)),
        0,
        (
            Step(5.0, "save", amount=1),
            Fault("mlflow finish", 1, "lost"),
            Step(25.0, "discard", "mlflow"),
            Fault("mlflow fail", 1, "hang"),
            Step(1500.0, "save", amount=1),
        ),
    ),
    PutBackFault(
        "a delivered run that a late request ended as FAILED, and that nobody looks for",
        swapped(MlflowModelApi, "failed_runs", lambda *_given: []),
        0,
        (
            *_DEAD_AND_RUNNING,
            Fault("mlflow fail", 1, "late", 3600.0),
            Step(1300.0, "retry all"),
        ),
    ),
    PutBackFault(
        "a sweep as the machine wakes up for the second time",
        _by_the_wall_clock,
        0,
        (
            Step(1.0, "another daemon"),
            Step(5.0, "save", amount=1),
            Fault("mlflow create", 1, "no_reply"),
            Step(606.0, "save", amount=1),
            Fault("mlflow create", 2, "freeze", _NIGHT_S + 629.0),
            Step(608.0, "sleep", amount=_NIGHT_S),
            Step(612.0 + _NIGHT_S, "sleep", amount=600.0),
        ),
        hours=_NIGHT_S / 3600.0 + 2.0,
    ),
    PutBackFault(
        "a W&B run that is open again, of a deleted result, and that nobody ends",
        swapped(WandbSweep, "_close", _delivers_again),
        0,
        (
            Step(20.0, "save", amount=1),
            Fault("wandb upsert", 1, "429", 30.0),
            Fault("wandb complete", 1, "hang"),
            Fault("wandb any", 7, "late", 60.0),
            Step(200.0, "sleep", amount=93_200.0),
            Step(93_590.0, "delete", "wandb"),
        ),
        hours=60.0,
    ),
    PutBackFault(
        "a W&B run that is open again, and that nobody ends once its delivery is discarded",
        swapped(opened_again, "_is_over", _is_delivered),
        0,
        (
            Step(20.0, "save", amount=1),
            Fault("wandb upsert", 1, "429", 30.0),
            Fault("wandb complete", 1, "hang"),
            Fault("wandb any", 7, "late", 900.0),
            Step(1203.8, "away", "wandb", 300.0),
            Step(1230.0, "discard", "wandb"),
        ),
    ),
    PutBackFault(
        "a last sweep whose request got no answer, and made it once",
        swapped(putting_right, "_TRIES", 1),
        0,
        (
            *_DEAD_AND_RUNNING,
            Fault("mlflow fail", 1, "lost"),
            Step(250.0, "sleep", amount=93_200.0),
        ),
        hours=60.0,
    ),
)
