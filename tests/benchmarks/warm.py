"""Our side: a running daemon whose workers are warm, over a database of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.states import PENDING
from fairmind_sync.settings import Settings
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import attempts_table, outbox_table
from tests.benchmarks.content import results
from tests.support.deliveries import pid_of, save_with
from tests.support.processes import DaemonProcess, eventually, running_daemon

_WARM_UP = 16
_LEFT = select(func.count()).select_from(outbox_table).where(outbox_table.c.status == PENDING)


@dataclass(frozen=True)
class Warm:
    """What is saved here is delivered at once, by processes that have done so before."""

    engine: Engine
    daemon: DaemonProcess
    env: Mapping[str, str]
    """The daemon's."""
    _numbers: Iterator[int] = field(default_factory=count)

    def save(self, runs: int, to: str) -> None:
        """New results in one transaction, owed to one provider or to both."""
        settings = _settings(to, str(self.engine.url))
        save_with(settings, results(islice(self._numbers, runs), settings))

    def deliver(self, runs: int, to: str) -> None:
        """Saves so many, and returns when all are delivered."""
        self.save(runs, to)
        self.wait()

    def wait(self, seconds: float = 600) -> None:
        eventually(lambda: not self._left(), seconds)
        assert not self._not_delivered()

    def latencies(self, newest: int) -> list[float]:
        """Seconds from save to record, of the newest deliveries."""
        times = select(outbox_table.c.created_at, outbox_table.c.finished_at)
        with reading(self.engine) as connection:
            found = connection.execute(times.order_by(outbox_table.c.id.desc()).limit(newest)).all()
        return [(row.finished_at - row.created_at).total_seconds() for row in found]

    def workers(self) -> dict[int, ProviderName]:
        """The pids of the processes that delivered, and where to."""
        tried = select(outbox_table.c.provider, attempts_table.c.worker).join(attempts_table)
        with reading(self.engine) as connection:
            found = connection.execute(tried.distinct()).all()
        return {pid_of(row.worker): row.provider for row in found}

    def _left(self) -> int:
        with reading(self.engine) as connection:
            return int(connection.execute(_LEFT).scalar_one())

    def _not_delivered(self) -> list[Any]:
        wrong = select(outbox_table.c.last_error).where(outbox_table.c.status != "delivered")
        with reading(self.engine) as connection:
            return list(connection.execute(wrong).scalars())


@cache
def _settings(to: str, database_url: str) -> Settings:
    return Settings(provider=to, database_url=database_url)


@contextmanager
def warm_daemon(
    place: Path,
    to: str,
    env: Mapping[str, str],
    warm_up: int = _WARM_UP,
    database_url: str | None = None,
) -> Iterator[Warm]:
    """A daemon for one provider or for both, that has delivered to them; a SQLite file unless told."""
    place.mkdir()
    url = database_url or f"sqlite:///{place / 'ours.db'}"
    ours = {
        "MLOPS_PROVIDER": to,
        "FAIRMIND_SYNC_DATABASE_URL": url,
        "FAIRMIND_SYNC_WORKER_IDLE_SECONDS": "86400",
        "FAIRMIND_SYNC_EVIDENCE": "none",  # as the peers; with_evidence.py has both send it
        "HOME": str(place),
        "TMPDIR": str(place),
        **env,
    }
    with running_daemon(ours, place) as daemon:
        warm = Warm(schema.ready_engine(url), daemon, ours)
        warm.deliver(warm_up, to)
        yield warm
