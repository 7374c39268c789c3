"""A backlog in PostgreSQL on its way to one MLflow server, by one, two and four daemons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import func, select

from fairmind_sync.demo.tracking_server import tracking_server
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import attempts_table
from tests.benchmarks import cpu
from tests.benchmarks.measure import Row, in_turns, p50
from tests.benchmarks.mlflow_drain import DEFAULT_WORKERS
from tests.benchmarks.warm import Warm, warm_daemon
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.processes import eventually, running_daemon

DAEMONS = (1, 2, 4)
_TO = "mlflow"
_WARM_UP = 40
"""More than one worker claims at once."""


def run(
    place: Path,
    *,
    runs: int = 500,
    rounds: int = 3,
    daemons: tuple[int, ...] = DAEMONS,
    server_workers: int = DEFAULT_WORKERS,
) -> list[Row]:
    """The first number of daemons against one with a SQLite file, the others against the first."""
    with ExitStack() as stack:
        uri = stack.enter_context(tracking_server(place, workers=server_workers))
        server = stack.enter_context(postgres_server(fsync="on"))
        env = {"MLFLOW_TRACKING_URI": uri}
        file = stack.enter_context(warm_daemon(place / "file", _TO, env))
        drains = [
            _Drain("1 daemon, SQLite", file),
            *(
                _Drain(
                    f"daemons: {number}",
                    stack.enter_context(_daemons(number, place / f"{number}", env, server)),
                )
                for number in daemons
            ),
        ]
        taken = in_turns(rounds, *(one.drain(runs) for one in drains))
        notes = [one.note() for one in drains]
    rates = [runs / p50(seconds) for seconds in taken]
    return [
        Row(
            f"drain to MLflow, {drains[place].name}",
            drains[against].name,
            rates[place],
            rates[against],
            *("runs/s", 0.9, False),
            note=f"{rounds} rounds of {runs} in {p50(taken[place]):.1f} s; in all {notes[place]}",
        )
        for place, against in enumerate((0, *(1,) * (len(daemons) - 1)), start=1)
    ]


class _Drain:
    """Of one database; knows who worked how much for it."""

    def __init__(self, name: str, ours: Warm) -> None:
        self.name = name
        self._ours = ours
        self._worked: Counter[str] = Counter()
        self._before = self._by_worker()

    def drain(self, runs: int) -> Callable[[int], None]:
        def once(_round: int) -> None:
            with cpu.spent(self._ours, into=self._worked):
                self._ours.deliver(runs, _TO)

        return once

    def note(self) -> str:
        attempts = self._by_worker() - self._before
        shares = ", ".join(f"{share / attempts.total():.0%}" for share in attempts.values())
        return f"by each daemon {shares}; CPU s {cpu.shares(self._worked, 1)}"

    def _by_worker(self) -> Counter[str]:
        """How many attempts each worker made."""
        by = attempts_table.c.worker
        with reading(self._ours.engine) as connection:
            rows = connection.execute(select(by, func.count()).group_by(by)).all()
        return Counter({row[0]: row[1] for row in rows})


@contextmanager
def _daemons(
    number: int, place: Path, env: dict[str, str], server: PostgresServer
) -> Iterator[Warm]:
    """So many over one new database, each of which has delivered."""
    url = server.url(server.new_database_of_today())
    with warm_daemon(place, _TO, env, database_url=url) as warm, ExitStack() as stack:
        for _ in range(number - 1):
            stack.enter_context(running_daemon(warm.env, place))

        def have_all_worked() -> bool:
            warm.deliver(_WARM_UP, _TO)
            return len(warm.workers()) == number

        eventually(have_all_worked, 300)
        yield warm
