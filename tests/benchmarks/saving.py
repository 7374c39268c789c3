"""A save against the same three rows through raw `sqlite3`, one by one and a thousand in one call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from fairmind_sync.intake.prepare import prepare
from fairmind_sync.settings import Settings
from fairmind_sync.storage import schema
from fairmind_sync.storage.sqlite import sqlite_module
from tests.benchmarks.measure import Row, in_turns, p50
from tests.support.deliveries import save_with

RESULTS = {f"metric_{number}": number / 13 for number in range(12)}
METADATA = {f"field_{number}": f"value {number}" for number in range(6)}
RESULT = (
    "INSERT INTO bias_test_results (test_id, user_id, revision, model_id, dataset_id, test_type, results,"
    " metadata, digest, created_at, metrics_passed, metrics_failed)"
    " VALUES (?, 'u', 1, 'm', 'd', 'ml_bias', ?, ?, ?, ?, 0, 0)"
)
DELIVERY = (
    "INSERT INTO outbox (result_id, provider, delivery_key, status, attempts, due_at, created_at)"
    " VALUES (?, ?, ?, 'pending', 0, ?, ?)"
)

NEXT_ID = "SELECT coalesce(max(id), 0) + 1 FROM bias_test_results"


def run(place: Path, *, saves: int = 1000, batches: int = 15, size: int = 1000) -> list[Row]:
    ours = Settings(provider="both", database_url=f"sqlite:///{place / 'ours.db'}")
    theirs = Settings(provider="both", database_url=f"sqlite:///{place / 'theirs.db'}")
    schema.ready_engine(ours.database_url)
    schema.ready_engine(theirs.database_url)
    with _raw(place / "theirs.db") as raw:
        one = in_turns(saves, lambda n: save(ours, [n]), lambda n: _insert(raw, [n]))
        many = in_turns(
            batches,
            lambda n: save(ours, range(saves + n * size, saves + (n + 1) * size)),
            lambda n: _insert(raw, range(saves + n * size, saves + (n + 1) * size)),
        )
    return [
        Row("save p50", "raw sqlite3", p50(one[0]) * 1e6, p50(one[1]) * 1e6, "us", 1.6),
        Row(
            f"batch of {size}", "raw executemany", p50(many[0]) * 1e3, p50(many[1]) * 1e3, "ms", 3.0
        ),
    ]


def save(to: Settings, numbers: Sequence[int]) -> None:
    save_with(
        to,
        [
            prepare(
                f"test-{number}",
                "u",
                "m",
                "d",
                "ml_bias",
                RESULTS,
                METADATA,
                private_fields=to.private_fields,
            )
            for number in numbers
        ],
    )


@contextmanager
def _raw(file: Path) -> Iterator[Any]:
    """With the pragmas that our own connections get."""
    connection = sqlite_module().connect(file, isolation_level=None)
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "journal_mode = WAL"):
        connection.execute(f"PRAGMA {pragma}")
    try:
        yield connection
    finally:
        connection.close()


def _insert(connection: Any, numbers: Sequence[int]) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
    connection.execute("BEGIN IMMEDIATE")
    first = connection.execute(NEXT_ID).fetchone()[0]
    connection.executemany(RESULT, result_rows(numbers, now))
    connection.executemany(DELIVERY, delivery_rows(first, numbers, now))
    connection.execute("COMMIT")


def result_rows(numbers: Sequence[int], now: object) -> list[tuple[object, ...]]:
    """The same rows as a save's, and no more work than they need: JSON texts and digest."""
    texts = json.dumps(RESULTS), json.dumps(METADATA)
    return [(f"test-{n}", *texts, sha256(f"{n}{texts}".encode()).hexdigest(), now) for n in numbers]


def delivery_rows(first: int, numbers: Sequence[int], now: object) -> list[tuple[object, ...]]:
    """Two for each result; the first one's id is given, the others' follow it."""
    return [
        (first + place, provider, uuid4().hex, now, now)
        for place, _ in enumerate(numbers)
        for provider in ("wandb", "mlflow")
    ]
