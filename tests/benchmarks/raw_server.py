"""What a save writes to PostgreSQL, through psycopg and nothing else, as psycopg does it by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import psycopg

from tests.benchmarks.saving import DELIVERY, NEXT_ID, RESULT, delivery_rows, result_rows

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_RESULT = RESULT.replace("?", "%s").encode()
_DELIVERY = DELIVERY.replace("?", "%s").encode()


def insert_one(connection: Connection, number: int) -> None:
    """BEGIN, three INSERTs, COMMIT."""
    now = datetime.now(UTC)
    with connection.transaction():
        (row,) = result_rows([number], now)
        found = connection.execute(_RESULT + b" RETURNING id", row).fetchone()
        assert found is not None
        for delivery in delivery_rows(found[0], [number], now):
            connection.execute(_DELIVERY, delivery)


def insert_many(connection: Connection, numbers: Sequence[int]) -> None:
    """Where nobody else writes: the ids are foreseen."""
    now = datetime.now(UTC)
    with connection.transaction(), connection.cursor() as cursor:
        found = cursor.execute(NEXT_ID).fetchone()
        assert found is not None
        cursor.executemany(_RESULT, result_rows(numbers, now))
        cursor.executemany(_DELIVERY, delivery_rows(found[0], numbers, now))
