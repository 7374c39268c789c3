"""Databases with as many deliveries as a benchmark wants, filled by SQL within one transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from sqlalchemy import Connection, Engine

from fairmind_sync import maintenance, schema
from fairmind_sync.database import open_engine, writing
from fairmind_sync.settings import Settings

Kind: TypeAlias = Literal["pending", "delivered"]
MODELS = 10
RARE_MODEL = "model-rare"
"""Has the oldest result, and no other."""
WAITING = 100
"""Deliveries that are pending in a database whose others are delivered."""

_RESULTS = json.dumps({f"metric_{number}": number / 13 for number in range(8)})
_METADATA = json.dumps({f"field_{number}": f"value {number}" for number in range(4)})
_NUMBERS = "WITH RECURSIVE numbers (n) AS (SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)"
_AT = "strftime('%Y-%m-%d %H:%M:%f000', '2020-01-01', '+' || ({}) || ' seconds')"
_RANDOM = "lower(hex(randomblob(16)))"
_INSERT_RESULTS = f"""
INSERT INTO bias_test_results (id, test_id, user_id, revision, model_id, dataset_id, test_type, results,
    metadata, digest, created_at, metrics_passed, metrics_failed)
{_NUMBERS}
SELECT n, 'test-' || n, 'user-' || (n % 100), 1,
    CASE n WHEN 1 THEN '{RARE_MODEL}' ELSE 'model-' || (n % {MODELS}) END, '', 'ml_bias', :results, :metadata,
    {_RANDOM} || {_RANDOM}, {_AT.format("n")}, 0, 0
FROM numbers
"""  # noqa: S608 constants only
_INSERT_DELIVERIES = f"""
INSERT INTO outbox (id, result_id, provider, delivery_key, status, attempts, due_at, created_at)
{_NUMBERS}
SELECT 2 * n - provider.at, n, provider.name, {_RANDOM}, 'pending', 0, {_AT.format("n")}, {_AT.format("n")}
FROM numbers, (SELECT 1 AS at, 'wandb' AS name UNION ALL SELECT 0, 'mlflow') AS provider
"""  # noqa: S608 constants only
_INSERT_DELIVERED = f"""
INSERT INTO outbox (id, result_id, provider, delivery_key, status, attempts, due_at, created_at, run_id,
    run_url, destination, create_attempted_at, finished_at)
{_NUMBERS}
SELECT 2 * n - provider.at, n, provider.name, {_RANDOM}, 'delivered', 1, {_AT.format("n")}, {_AT.format("n")},
    {_RANDOM}, 'https://provider.example/team/project/runs/' || n, 'team/project', {_AT.format("n + 1")},
    {_AT.format("n + 2")}
FROM numbers, (SELECT 1 AS at, 'wandb' AS name UNION ALL SELECT 0, 'mlflow') AS provider
"""  # noqa: S608 constants only
_INSERT_ATTEMPTS = f"""
INSERT INTO delivery_attempts (delivery_id, lease_token, worker, started_at, finished_at, outcome)
SELECT id, {_RANDOM}, 'host:1', create_attempted_at, finished_at, 'delivered' FROM outbox
WHERE status = 'delivered'
"""  # noqa: S608 constants only
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
    """A new database with so many deliveries of this kind, half of them to each provider.

    Delivered ones have their runs and one attempt each; `waiting` newer ones are pending.
    """
    settings = Settings(provider="both", database_url=f"sqlite:///{file}")
    schema.ready_engine(settings.database_url)
    engine = open_engine(settings.database_url)
    results = deliveries // 2
    with writing(engine) as connection:
        connection.exec_driver_sql(_CACHE)
        if kind == "pending":
            _insert(connection, 1, results, _INSERT_DELIVERIES)
        else:
            _insert(connection, 1, results, _INSERT_DELIVERED)
            connection.exec_driver_sql(_INSERT_ATTEMPTS)
            if waiting:
                _insert(connection, results + 1, results + waiting // 2, _INSERT_DELIVERIES)
    maintenance.shrink_wal(engine)
    engine.dispose()
    return Filled(settings, results)


def _insert(connection: Connection, first: int, last: int, deliveries: str) -> None:
    numbers = {"first": first, "last": last}
    texts = {"results": _RESULTS, "metadata": _METADATA}
    connection.exec_driver_sql(_INSERT_RESULTS, numbers | texts)
    connection.exec_driver_sql(deliveries, numbers)
