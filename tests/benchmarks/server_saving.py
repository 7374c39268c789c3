"""As `saving`, on PostgreSQL with fsync on: a save against the same three rows through raw psycopg."""

from __future__ import annotations

from pathlib import Path

from fairmind_sync.settings import Settings
from tests.benchmarks.measure import Row, in_turns, p50
from tests.benchmarks.raw_server import insert_many, insert_one
from tests.benchmarks.saving import save
from tests.support.postgres import postgres_server


def run(_place: Path, *, saves: int = 1000, batches: int = 15, size: int = 1000) -> list[Row]:
    with postgres_server(fsync="on") as server:
        ours = Settings(provider="both", database_url=server.url(server.new_database_of_today()))
        with server.connect(server.new_database_of_today()) as raw:
            one = in_turns(saves, lambda n: save(ours, [n]), lambda n: insert_one(raw, n))
            many = in_turns(
                batches,
                lambda n: save(ours, range(saves + n * size, saves + (n + 1) * size)),
                lambda n: insert_many(raw, range(saves + n * size, saves + (n + 1) * size)),
            )
    return [
        Row("save p50", "raw psycopg", p50(one[0]) * 1e6, p50(one[1]) * 1e6, "us", 2.0),
        Row(
            f"batch of {size}", "raw executemany", p50(many[0]) * 1e3, p50(many[1]) * 1e3, "ms", 3.0
        ),
    ]
