"""Deliveries in each state, made by the outbox itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, update

from fairmind_sync.intake.save import save_all
from fairmind_sync.outbox import claims, outcomes, saving
from fairmind_sync.outbox.saving import Saved
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import Delivery, NewResult, Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table, provider_table
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import store_of

LEASE = timedelta(seconds=50)
RUN = Run("run-1", "https://provider.example/run-1")


def save(engine: Engine, *providers: ProviderName, now: datetime = NOW, **changes: Any) -> Saved:
    """A new result with a delivery for each provider; `changes` as in `new_result`."""
    with writing(engine) as connection:
        return saving.save(connection, new_result(**changes), providers, now)


def save_with(settings: Settings, new_results: Iterable[NewResult]) -> list[Saved]:
    """Stores prepared results as a process with these settings does."""
    return save_all(store_of(settings), new_results, settings.enabled)


def claim(
    engine: Engine, provider: ProviderName = "mlflow", *, limit: int = 10, now: datetime = NOW
) -> list[Delivery]:
    with writing(engine) as connection:
        return claims.claim(
            connection, provider, limit=limit, lease=LEASE, worker="host:1", now=now
        )


def claimed(engine: Engine, *, now: datetime = NOW) -> Delivery:
    """The one delivery of a new result, leased."""
    save(engine, "mlflow", now=now)
    (delivery,) = claim(engine, now=now)
    return delivery


def delivered(engine: Engine, run: Run = RUN, provider: ProviderName = "mlflow") -> Delivery:
    save(engine, provider)
    (delivery,) = claim(engine, provider)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, run, "somewhere", NOW)
    return delivery


def dead(engine: Engine, reason: str = "it is too large") -> Delivery:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, reason, NOW)
    return delivery


def pid_of(worker: str) -> int:
    """From how it signs its attempts: host:pid, and its daemon's mark."""
    return int(worker.split(":")[1])


def pass_time(engine: Engine) -> None:
    """Has all that waits be due, evidence too, and what is in doubt be old enough."""
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    with writing(engine) as connection:
        connection.execute(update(outbox_table).values(due_at=long_ago))
        for column in (outbox_table.c.create_attempted_at, outbox_table.c.evidence_due_at):
            connection.execute(
                update(outbox_table).where(column.is_not(None)).values({column: long_ago})
            )
        connection.execute(update(provider_table).values(evidence_next_at=None))
