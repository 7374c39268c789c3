"""Says what is wrong with the rows that a power cut left, and whether the next daemon can go on with them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Engine

from fairmind_sync.intake import entries
from fairmind_sync.intake.save import save_all
from fairmind_sync.outbox import claims, outcomes
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.results.delivery import Run
from fairmind_sync.storage import erasure
from fairmind_sync.storage.engine import writing
from tests.power_cuts.cuts import Expected
from tests.power_cuts.facts import Facts
from tests.power_cuts.stories import (
    LEASE,
    PROVIDER,
    arguments,
    digest_of,
    now,
    payload,
    rows_of,
)

NEW = 9_999
"""The number of the result that is saved after the power cut."""
Rows: TypeAlias = dict[str, list[Any]]


def wrong_rows(rows: Rows, expected: Expected) -> Iterator[str]:
    """What was acknowledged and is not there, and what is there only by half."""
    results = {row[1]: row for row in reversed(rows["bias_test_results"])}  # the first revision
    for number in expected.saved - expected.gone:
        row = results.get(f"test-{number}")
        if row is None:
            yield f"the acknowledged result {number} is lost"
        elif json.loads(row[7]) != payload(number):
            yield f"the acknowledged result {number} holds something else"
    for number in expected.gone:
        if results[f"test-{number}"][7] != "{}":
            yield f"the result {number}, whose deletion was acknowledged, is back"
    if expected.state is None and not results:
        return
    if digest_of(rows) not in (expected.state, expected.next_state):
        yield f"the rows are neither those before nor those after '{expected.begun}'"
    yield from wrong_counts(rows)


def wrong_counts(rows: Rows) -> Iterator[str]:
    counted: Counter[tuple[str, str]] = Counter()
    for _id, provider, status, count in rows.get("delivery_counts", ()):
        counted[provider, status] += count
    there = Counter((row[2], row[4]) for row in rows.get("outbox", ()))
    if +counted != there:
        yield f"the counters say {dict(+counted)}, the rows {dict(there)}"


def wrong_going_on(engine: Engine, before: int) -> Iterator[str]:
    """Saves, claims and records, as the next daemon does, beside so many results."""
    save_all(engine, entries.prepare_all([arguments(NEW)], ()), PROVIDERS)
    with writing(engine) as connection:
        claimed = claims.claim(
            connection, PROVIDER, limit=3, lease=LEASE, worker="host:2", now=now()
        )
        for delivery in claimed[-1:]:
            run = Run("run-afterwards", None)
            outcomes.record_delivered(connection, delivery, run, "somewhere", now())
    rows = rows_of(engine, ("bias_test_results", "delivery_counts", "outbox"))
    if len(rows["bias_test_results"]) != before + 1 or not claimed:
        yield "a new save, a claim or a record leaves nothing"
    yield from wrong_counts(rows)


def wrong_bytes(engine: Engine, file: Path, expected: Expected | Facts) -> Iterator[str]:
    """Erased content is in no file, unless the database knows that it still has to go."""
    if not expected.gone or erasure.is_owed(engine):
        return
    held = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    for number in expected.gone:
        if payload(number)["note"][:40].encode() in held:
            yield f"the erased content of {number} can be read, and nothing is owed"
