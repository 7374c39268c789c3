"""`python -m tests.system.endurance.outage`: a provider that can't be reached for days, by a simulated clock.

The clock jumps to whatever the daemon's timer would wait for next, so that a week takes minutes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import psutil
from sqlalchemy import Engine, func, select

from fairmind_sync import logs
from fairmind_sync.errors import ProviderOfflineError
from fairmind_sync.outbox import workload
from fairmind_sync.providers.base import Outcome
from fairmind_sync.relay.loop import Relay
from fairmind_sync.settings import Settings
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import outbox_table
from fairmind_sync.testing import FakeProvider, new_result
from tests.support.clock import Clock
from tests.support.deliveries import save_with

CHUNK = 1000


class FarProvider(FakeProvider):
    """Counts its runs instead of keeping them."""

    made = 0

    def _deliver_one(self, *given: object) -> Outcome:
        outcome = super()._deliver_one(*given)  # type: ignore[arg-type]
        self.made += len(self.runs)
        self.runs.clear()
        return outcome


@dataclass(frozen=True)
class Report:
    """Sizes in MB of resident memory; times in simulated seconds."""

    probes: int
    probes_a_minute: float
    attempts_while_offline: int
    looks_without_a_probe: int
    noticed_after_s: float
    statuses: dict[str, int]
    runs: int
    memory_at_start: float
    memory_after_outage: float
    memory_after_drain: float


def run(rows: int, days: float, place: Path) -> Report:
    """An outage that begins with `rows` pending deliveries, and the drain after it."""
    settings = Settings(provider="mlflow", database_url=f"sqlite:///{place / 'outage.db'}")
    for first in range(0, rows, CHUNK):
        save_with(settings, [new_result() for _ in range(min(CHUNK, rows - first))])
    engine = schema.ready_engine(settings.database_url)
    clock = Clock(_first_due(engine))
    provider = FarProvider("mlflow", 32, unavailable=ProviderOfflineError("connection refused"))
    relay = Relay(engine, provider, 12, clock=clock, chance=Random(1))
    relay.drain()
    at_start = _memory()
    began = clock.now
    looks = 0
    while clock.now < began + timedelta(days=days):
        _await_work(engine, clock)
        relay.drain()
        looks += 1
    after_outage, probes, attempts = _memory(), provider.probes, _sum_of_attempts(engine)
    provider.unavailable = None
    back = clock.now
    _await_work(engine, clock)
    relay.drain()
    return Report(
        probes=probes,
        probes_a_minute=round(probes / (days * 1440), 2),
        attempts_while_offline=attempts,
        looks_without_a_probe=looks - probes,
        noticed_after_s=(clock.now - back).total_seconds(),
        statuses=_statuses(engine),
        runs=provider.made,
        memory_at_start=at_start,
        memory_after_outage=after_outage,
        memory_after_drain=_memory(),
    )


def _await_work(engine: Engine, clock: Clock) -> None:
    """As the daemon's timer does."""
    with reading(engine) as connection:
        at = workload.read_all(connection)["mlflow"].next_at
    assert at is not None
    clock.now = max(clock.now, at)


def _first_due(engine: Engine) -> datetime:
    with reading(engine) as connection:
        due: datetime = connection.execute(select(func.max(outbox_table.c.due_at))).scalar_one()
    return due


def _sum_of_attempts(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(select(func.sum(outbox_table.c.attempts))).scalar_one())


def _statuses(engine: Engine) -> dict[str, int]:
    with reading(engine) as connection:
        counted = select(outbox_table.c.status, func.count()).group_by(outbox_table.c.status)
        return {status: int(count) for status, count in connection.execute(counted)}


def _memory() -> float:
    return round(psutil.Process().memory_info().rss / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--days", type=float, default=7)
    given = parser.parse_args()
    logs.configure(Settings(log_level="error"))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        report = run(given.rows, given.days, Path(place))
    took = round(time.monotonic() - started)
    print(json.dumps(asdict(report) | {"took_s": took}, indent=2))  # noqa: T201 that is what it is for


if __name__ == "__main__":
    main()
