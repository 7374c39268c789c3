"""A database as the first version left it, and what of it has to be there after every upgrade."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import command
from sqlalchemy import Engine, Row, bindparam, inspect, text

from fairmind_sync.storage import schema, version_table
from fairmind_sync.storage.column_types import UtcDateTime
from fairmind_sync.storage.engine import is_file
from fairmind_sync.storage.schema import migrating
from tests.support.clock import NOW
from tests.support.databases import opened, place_of, plain_sql

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


_FUNCTIONS = (
    "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'fairmind_sync'::regnamespace"
)


@contextmanager
def older_database(url: str) -> Iterator[Engine]:
    """Made where nothing is yet; with three results that wait for MLflow."""
    with opened(url) as engine:
        with migrating(engine) as connection:
            command.upgrade(schema.alembic_config(connection), "0001")
            at = bindparam("at", NOW, type_=UtcDateTime)
            for number in range(1, 4):
                given = {
                    "id": number,
                    "key": f"{number:032}",
                    "digest": f"{number:064}",
                    "results": RESULTS,
                }
                for statement in _INSERTS:
                    connection.execute(text(statement).bindparams(at), given)
        move_back(engine)
        yield engine


def move_back(engine: Engine) -> None:
    """Brings the tables to where versions before had them."""
    version = f"ALTER TABLE {version_table.VERSION_TABLE} RENAME TO alembic_version"
    with plain_sql(engine) as connection:
        connection.exec_driver_sql(version)
        if is_file(engine):
            return
        for table in inspect(connection).get_table_names(schema=place_of(engine)):
            connection.exec_driver_sql(f"ALTER TABLE {table} SET SCHEMA public")
        for function in connection.exec_driver_sql(_FUNCTIONS).scalars().all():
            connection.exec_driver_sql(f"ALTER FUNCTION {function} SET SCHEMA public")
        connection.exec_driver_sql(f"DROP SCHEMA {place_of(engine)}")


def held_by(engine: Engine) -> list[list[Row[Any]]]:
    """Results and deliveries, in the columns that the first version had."""
    with plain_sql(engine) as connection:
        if connection.engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL search_path TO fairmind_sync, public")
        return [list(connection.execute(text(statement))) for statement in _SELECTS]
