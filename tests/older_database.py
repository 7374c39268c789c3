"""A database as the first version left it, and what of it has to be there after every upgrade."""

from __future__ import annotations

from typing import Any

from alembic import command
from sqlalchemy import Engine, Row, text

from fairmind_sync import schema
from fairmind_sync.database import migrating, open_engine, reading
from tests.helpers import NOW

RESULTS = '{"overall_risk": "high", "metrics_passed": 3, "metrics_failed": 1, "x": NaN}'
_INSERTS = (
    (
        "INSERT INTO bias_test_results (id, test_id, user_id, revision, model_id, dataset_id, test_type,"
        " results, metadata, digest, created_at) VALUES (:id, 'test-' || :id, 'user-1', 1, 'model-1', '',"
        " 'ml_bias', :results, '{}', :digest, :at)"
    ),
    (
        "INSERT INTO outbox (id, result_id, provider, delivery_key, status, attempts, due_at, created_at)"
        " VALUES (:id, :id, 'mlflow', :key, 'pending', 0, :at, :at)"
    ),
)
_SELECTS = (
    (
        "SELECT id, test_id, user_id, revision, model_id, dataset_id, test_type, results, metadata, digest,"
        " created_at FROM bias_test_results ORDER BY id"
    ),
    (
        "SELECT id, result_id, provider, delivery_key, status, attempts, due_at, created_at FROM outbox"
        " ORDER BY id"
    ),
)


def older_database(url: str) -> Engine:
    """With three results that wait for MLflow."""
    engine = open_engine(url)
    with migrating(engine) as connection:
        command.upgrade(schema.alembic_config(connection), "0001")
        for number in range(1, 4):
            given = {
                "id": number,
                "key": f"{number:032}",
                "digest": f"{number:064}",
                "at": f"{NOW:%Y-%m-%d %H:%M:%S.%f}",
                "results": RESULTS,
            }
            for statement in _INSERTS:
                connection.execute(text(statement), given)
    return engine


def held_by(engine: Engine) -> list[list[Row[Any]]]:
    """Results and deliveries, in the columns that the first version had."""
    with reading(engine) as connection:
        return [list(connection.execute(text(statement))) for statement in _SELECTS]
