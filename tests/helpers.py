"""What the tests of storage and relay share: saved and claimed deliveries, a clock, processes that race."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, Row, Table, select
from structlog.testing import capture_logs
from structlog.typing import EventDict

from fairmind_sync import outbox, saving
from fairmind_sync.database import is_file, open_engine, reading, writing
from fairmind_sync.delivery import Delivery, Run
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.saving import Saved
from fairmind_sync.testing import new_result

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LEASE = timedelta(seconds=50)
RUN = Run("run-1", "https://provider.example/run-1")


class Clock:
    """A time that only the test moves."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


def save(engine: Engine, *providers: ProviderName, now: datetime = NOW, **changes: Any) -> Saved:
    """A new result with a delivery for each provider; `changes` as in `new_result`."""
    with writing(engine) as connection:
        return saving.save(connection, new_result(**changes), providers, now)


def claim(
    engine: Engine, provider: ProviderName = "mlflow", *, limit: int = 10, now: datetime = NOW
) -> list[Delivery]:
    with writing(engine) as connection:
        return outbox.claim(
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
        outbox.record_delivered(connection, delivery, run, "somewhere", NOW)
    return delivery


def dead(engine: Engine, reason: str = "it is too large") -> Delivery:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outbox.record_dead(connection, delivery, "rejected", reason, NOW)
    return delivery


def pid_of(worker: str) -> int:
    """From how it signs its attempts: host:pid, and its daemon's mark."""
    return int(worker.split(":")[1])


def rows(engine: Engine, table: Table) -> list[Row[Any]]:
    """The whole table, oldest row first."""
    with reading(engine) as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)))


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine that nobody else has, closed at the end of the block."""
    engine = open_engine(url)
    yield engine
    engine.dispose()


def plan(engine: Engine, statement: str, parameters: Any = ()) -> str:
    """How the database finds the rows, where it reads no whole table: with which index."""
    with engine.connect() as connection:
        if is_file(engine):
            explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            explained = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        return "\n".join(str(row[-1]) for row in explained)


@contextmanager
def captured_logs() -> Iterator[list[EventDict]]:
    """The log events of the block, whatever logging another test has set up."""
    before = structlog.get_config()
    structlog.reset_defaults()
    try:
        with capture_logs() as events:
            yield events
    finally:
        structlog.configure(**before)


_GATE = "\nprint(flush=True)\ninput()\n"


def at_once(imports: str, work: str, *arguments: list[str]) -> list[str]:
    """What processes print that have all run `imports` before any starts its `work`; one for each list.

    Each process finds its list in `sys.argv[1:]`.
    """
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", f"{imports}{_GATE}{work}", *given],
                    env=env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for given in arguments
        ]
        for process in processes:
            stack.callback(process.kill)
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        ended = [_open_gate(process) for process in processes]
        printed = [process.communicate(timeout=120) for process in ended]
    assert [errors for _, errors in printed] == [""] * len(arguments)
    return [text.strip() for text, _ in printed]


def _open_gate(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it failed already: its errors tell why
        process.stdin.write("\n")
        process.stdin.flush()
    return process
