"""As `scale`, on PostgreSQL after ANALYZE."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.filled import filled_on_server
from tests.benchmarks.measure import Row
from tests.benchmarks.scale import KINDS, compare
from tests.support.postgres import postgres_server


def run(
    place: Path,
    *,
    small: int = 1000,
    large: int = 1_000_000,
    looks: int = 30,
    claims: int = 100,
    requests: int = 3000,
) -> list[Row]:
    rows: list[Row] = []
    with postgres_server(shared_buffers="512MB", max_wal_size="4GB") as server:
        for kind in KINDS:
            names = server.new_database_of_today(), server.new_database_of_today()
            pair = (
                filled_on_server(server.url(names[0]), large, kind),
                filled_on_server(server.url(names[1]), small, kind),
            )
            against = f"{small:,} {kind}"
            rows += compare(pair, kind, against, place, looks, claims, requests)
            for database, name in zip(pair, names, strict=True):
                database.engine.dispose()
                server.drop(name)
    return rows
