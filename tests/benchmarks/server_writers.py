"""Sixteen processes that save single results in PostgreSQL, against one, and against raw psycopg.

With fsync on, and someone who listens as daemons do; once more without the notification of daemons.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from fairmind_sync.storage.postgresql import CHANNEL
from tests.benchmarks import cpu
from tests.benchmarks.measure import Row, in_turns, p50
from tests.benchmarks.processes import Peer, peer
from tests.support.postgres import PostgresServer, postgres_server

_SOURCE = "SELECT pg_get_functiondef('fairmind_sync_count_new'::regproc)"


@dataclass(frozen=True)
class _Way:
    """Each has a database of its own, and test ids that were never used there."""

    url: str
    writers: Sequence[Peer]
    raw: bool
    _numbers: count[int] = field(default_factory=count)

    def save(self, saves: int) -> None:
        """So many by each writer."""
        for writer in self.writers:
            first = next(self._numbers) * saves
            writer.ask(url=self.url, first=first, count=saves, raw=self.raw)
        assert all(writer.is_done(within=600) for writer in self.writers)


def run(place: Path, *, writers: int = 16, saves: int = 60, rounds: int = 5) -> list[Row]:
    """`saves` a round by each of the writers; by the one that is alone, as many as by four of them."""
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server(fsync="on"))
        peers = [stack.enter_context(peer("server_writer", place=place)) for _ in range(writers)]

        def way(*, raw: bool, wakes: bool = True, of: Sequence[Peer] = peers) -> _Way:
            return _Way(_database(server, stack, wakes=wakes), of, raw)

        ways = {
            "alone": way(raw=False, of=peers[:1]),
            "ours": way(raw=False),
            "raw": way(raw=True),
            "ours unheard": way(raw=False, wakes=False),
            "raw unheard": way(raw=True, wakes=False),
        }
        for one in ways.values():
            one.save(1)
        before = cpu.seconds({})
        share = {name: saves * 4 if name == "alone" else saves for name in ways}
        taken = in_turns(
            rounds,
            *(lambda _, one=one, each=share[name]: one.save(each) for name, one in ways.items()),
        )
        worked = cpu.seconds({}) - before
    rates = {
        name: len(one.writers) * share[name] / p50(seconds)
        for (name, one), seconds in zip(ways.items(), taken, strict=True)
    }
    note = f"{rounds} rounds of {saves * writers}"
    all_note = f"{note}; CPU s of all: {cpu.shares(worked, 1)}"
    compared = (
        (f"save, {writers} writers", "1 writer", "ours", "alone", 1.5, all_note),
        (f"save, {writers} writers", "raw psycopg", "ours", "raw", 0.5, note),
        (f"save, {writers} writers", "no NOTIFY", "ours", "ours unheard", 0.9, note),
        (f"raw psycopg, {writers} writers", "no NOTIFY", "raw", "raw unheard", 0.9, note),
    )
    return [
        Row(what, against, rates[one], rates[other], "saves/s", goal, False, note)
        for what, against, one, other, goal, note in compared
    ]


def _database(server: PostgresServer, stack: ExitStack, *, wakes: bool) -> str:
    """Its URL; in one that `wakes`, each new delivery is notified, and heard."""
    name = server.new_database_of_today()
    connection = stack.enter_context(server.connect(name))
    if wakes:
        connection.execute(f"LISTEN {CHANNEL}".encode())
    else:
        (source,) = connection.execute(_SOURCE).fetchone() or ("",)
        assert "pg_notify" in source
        connection.execute(source.replace(f"pg_notify('{CHANNEL}', '')", "1"))
    return server.url(name)
