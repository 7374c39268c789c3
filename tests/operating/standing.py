"""Brings a delivery, or its provider, into a state that has to be explained."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from sqlalchemy import Engine

from fairmind_sync.outbox import outcomes, provider_state
from fairmind_sync.results.delivery import Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.states import BLOCKED
from fairmind_sync.storage.engine import writing
from tests.support.clock import NOW
from tests.support.deliveries import claim

MINUTE = timedelta(minutes=1)


def record_delivered(engine: Engine, url: str | None) -> None:
    (delivery,) = claim(engine)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, Run("run-1", url), "somewhere", NOW)


def record_dead(engine: Engine, kind: ErrorKind = ErrorKind.REJECTED) -> None:
    (delivery,) = claim(engine)
    with writing(engine) as connection:
        outcomes.record_dead(connection, delivery, kind, "no", NOW)


def record_retry(engine: Engine, due_at: datetime) -> None:
    (delivery,) = claim(engine)
    with writing(engine) as connection:
        outcomes.record_retry(
            connection, delivery, ErrorKind.UNCERTAIN, "lost", due_at=due_at, now=NOW
        )


def note(engine: Engine, state: str, after: timedelta = MINUTE) -> None:
    with writing(engine) as connection:
        if state == BLOCKED:
            provider_state.note_blocked(
                connection, "mlflow", "wrong key", chance=Random(1), now=NOW
            )
        else:
            provider_state.note_offline(
                connection, "mlflow", "no route", after=after, chance=Random(1), now=NOW
            )


def pause(engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.pause(connection, "mlflow", NOW)
