"""Databases with as many deliveries as a benchmark wants, filled by SQL within one transaction.

In `{}` is what SQLite and PostgreSQL say in words of their own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from sqlalchemy import Connection, Engine, TextClause, event, text

from fairmind_sync.settings import Settings
from fairmind_sync.storage import schema, sqlite_file
from fairmind_sync.storage.engine import open_engine
from fairmind_sync.storage.statements import continue_ids, random_key
from fairmind_sync.storage.tables import metadata
from tests.support.databases import plain_sql

Kind: TypeAlias = Literal["pending", "delivered"]
MODELS = 10
RARE_MODEL = "model-rare"
"""Has the oldest result, and no other."""
WAITING = 100
"""Deliveries that are pending in a database whose others are delivered."""

_RESULTS = json.dumps({f"metric_{number}": number / 13 for number in range(8)})
_METADATA = json.dumps({f"field_{number}": f"value {number}" for number in range(4)})
_INSERT_RESULTS = """
INSERT INTO bias_test_results (id, test_id, user_id, revision, model_id, dataset_id, test_type, results,
    metadata, digest, created_at, metrics_passed, metrics_failed)
{numbers}
SELECT n, 'test-' || n, 'user-' || (n % 100), 1,
    CASE n WHEN 1 THEN '{rare}' ELSE 'model-' || (n % {models}) END, '', 'ml_bias', :results, :metadata,
    {random} || {random}, {at_n}, 0, 0
FROM numbers
"""
_PROVIDERS = "(SELECT 1 AS at, 'wandb' AS name UNION ALL SELECT 0, 'mlflow') AS provider"
_INSERT_DELIVERIES = f"""
INSERT INTO outbox (id, result_id, provider, delivery_key, status, attempts, due_at, created_at)
{{numbers}}
SELECT 2 * n - provider.at, n, provider.name, {{random}}, 'pending', 0, {{at_n}}, {{at_n}}
FROM numbers, {_PROVIDERS}
"""  # noqa: S608 constants only
_INSERT_DELIVERED = f"""
INSERT INTO outbox (id, result_id, provider, delivery_key, status, attempts, due_at, created_at, run_id,
    run_url, destination, create_attempted_at, finished_at)
{{numbers}}
SELECT 2 * n - provider.at, n, provider.name, {{random}}, 'delivered', 1, {{at_n}}, {{at_n}},
    {{random}}, 'https://provider.example/team/project/runs/' || n, 'team/project', {{after_1}}, {{after_2}}
FROM numbers, {_PROVIDERS}
"""  # noqa: S608 constants only
_INSERT_ATTEMPTS = """
INSERT INTO delivery_attempts (delivery_id, lease_token, worker, started_at, finished_at, outcome)
SELECT id, {random}, 'host:1', create_attempted_at, finished_at, 'delivered' FROM outbox
WHERE status = 'delivered'
"""
_NUMBERS = {
    "sqlite": (
        "WITH RECURSIVE numbers (n) AS"
        " (SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)"
    ),
    "postgresql": (
        "WITH numbers (n) AS"
        " (SELECT generate_series(CAST(:first AS integer), CAST(:last AS integer)))"
    ),
}
_AT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', '2020-01-01', '+' || ({}) || ' seconds')",
    "postgresql": "timestamptz '2020-01-01 00:00+00' + ({}) * interval '1 second'",
}
_CACHE = "PRAGMA cache_size = -1000000"  # KB: or else each index is written again and again


@dataclass(frozen=True)
class Filled:
    """`results` is the highest number in a test's name, and the lowest is 1."""

    settings: Settings
    results: int

    @property
    def engine(self) -> Engine:
        return schema.ready_engine(self.settings.database_url)


def filled(file: Path, deliveries: int, kind: Kind, *, waiting: int = WAITING) -> Filled:
    """A new file with so many deliveries, as `fill` says."""
    url = f"sqlite:///{file}"
    schema.ready_engine(url)
    engine = open_engine(url)  # another one: its large cache goes with it
    event.listen(engine, "connect", lambda connection, _record: connection.execute(_CACHE))
    results = fill(engine, deliveries, kind, waiting)
    sqlite_file.shrink_wal(engine)
    engine.dispose()
    return Filled(Settings(provider="both", database_url=url), results)


def filled_on_server(url: str, deliveries: int, kind: Kind) -> Filled:
    """As `filled`, in a database that has today's schema; its planner knows what is in it."""
    engine = schema.ready_engine(url)
    results = fill(engine, deliveries, kind, WAITING)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    return Filled(Settings(provider="both", database_url=url), results)


def fill(engine: Engine, deliveries: int, kind: Kind, waiting: int) -> int:
    """So many deliveries of this kind, half of them to each provider; the number of their results.

    Delivered ones have their runs and one attempt each; `waiting` newer ones are pending.
    """
    results = deliveries // 2
    with plain_sql(engine) as connection:
        if kind == "pending":
            _insert(connection, 1, results, _INSERT_DELIVERIES)
        else:
            _insert(connection, 1, results, _INSERT_DELIVERED)
            connection.execute(_statement(engine, _INSERT_ATTEMPTS))
            if waiting:
                _insert(connection, results + 1, results + waiting // 2, _INSERT_DELIVERIES)
        for table in metadata.sorted_tables:
            continue_ids(connection, table)
    return results


def _insert(connection: Connection, first: int, last: int, deliveries: str) -> None:
    numbers = {"first": first, "last": last}
    texts = {"results": _RESULTS, "metadata": _METADATA}
    connection.execute(_statement(connection.engine, _INSERT_RESULTS), numbers | texts)
    connection.execute(_statement(connection.engine, deliveries), numbers)


def _statement(engine: Engine, of: str) -> TextClause:
    at = _AT[engine.dialect.name]
    words = {
        "numbers": _NUMBERS[engine.dialect.name],
        "random": str(random_key().compile(dialect=engine.dialect)),
        "at_n": at.format("n"),
        "after_1": at.format("n + 1"),
        "after_2": at.format("n + 2"),
        "rare": RARE_MODEL,
        "models": MODELS,
    }
    return text(of.format(**words))
