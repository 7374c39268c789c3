"""Faults put back into what is told: of providers' states, in the log, and in the history of attempts."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection

from fairmind_sync.outbox import outcomes, provider_state, repairs
from tests.simulation.events import Step
from tests.simulation.faults import OUTAGE, Fault
from tests.simulation.put_back import PutBackFault


def _silent_recovery() -> list[Any]:
    real = provider_state.note_ready

    def note_ready(*given: Any) -> bool:
        real(*given)
        return False

    return [patch.object(provider_state, "note_ready", note_ready)]


def _told_ahead() -> list[Any]:
    return [patch.object(repairs, "_TOLD_OF_PROVIDERS", ())]


def _released_counts_in_the_history() -> list[Any]:
    real = outcomes._close_attempt

    def close(connection: Connection, delivery: Any, outcome: str, *more: Any) -> None:
        real(connection, delivery, "retry" if outcome == "released" else outcome, *more)

    return [patch.object(outcomes, "_close_attempt", close)]


FAULTS_OF_PROVIDERS = (
    PutBackFault(
        "an outage whose end is not logged",
        _silent_recovery,
        0,
        (Step(2.0, "away", "mlflow", 60.0), Step(3.0, "save", amount=1)),
    ),
    PutBackFault(
        "a last success in the future",
        _told_ahead,
        0,
        (
            Step(2.0, "set clock", amount=7200.0),
            Step(5.0, "save", amount=1),
            Step(60.0, "set clock", amount=-7200.0),
        ),
    ),
    PutBackFault(
        "an attempt that was given back, and counts in the history",
        _released_counts_in_the_history,
        0,
        (Step(5.0, "save", amount=5), Fault("mlflow log", 1, OUTAGE, 120.0)),
    ),
)
