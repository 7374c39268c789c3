"""Faults put back into sweeps: what becomes of their own requests, when those hang or come late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

from fairmind_sync.daemon.housekeeping import Housekeeping
from fairmind_sync.relay import sweep
from fairmind_sync.storage.engine import current_time
from tests.simulation.events import Planned, Step
from tests.simulation.faults import Fault
from tests.simulation.mlflow_service import MlflowModelApi
from tests.simulation.put_back import PutBackFault, swapped

_DEAD_AND_RUNNING: tuple[Planned, ...] = (
    Step(5.0, "save", amount=1),
    *(Fault("mlflow finish", nth, "lost") for nth in range(1, 6)),
)
"""By five attempts; the first sweep comes at 600 s, the next one at 1,200 s."""


def _waits_by_the_wall_clock() -> list[Any]:
    def init(self: Housekeeping, *given: Any) -> None:
        real(self, *given)
        engine = given[0]
        self._steady = lambda: current_time(engine).timestamp()

    real = Housekeeping.__init__
    return [patch.object(Housekeeping, "__init__", init)]


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
        "a wait for a sweep that is over by the wall clock",
        _waits_by_the_wall_clock,
        0,
        (
            Step(1.0, "another daemon"),
            Step(5.0, "save", amount=2),
            Fault("wandb upsert", 3, "freeze", 60.0),
            Fault("wandb stream", 2, "403"),
            Fault("wandb stream", 4, "403"),
            Step(61.0, "sleep", amount=5.0),
            Step(580.0, "sleep", amount=3 * 86400.0),
        ),
        retention=7200.0,
        hours=73.0,
    ),
)
