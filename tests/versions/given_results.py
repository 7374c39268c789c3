"""The results that every version has to take: sixty-four as users save them, and odd ones."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from fairmind_sync.intake.prepare import prepare
from fairmind_sync.results.delivery import NewResult, SavedResult
from fairmind_sync.results.extraction import extract
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import outbox_table, results_table
from tests.providers.typical_results import TYPICAL

GIVEN = 64
ODD: dict[str, dict[str, Any]] = {
    "NaN": {"results": {"tpr": math.nan, "acc": 0.9}},
    "infinity": {"results": {"ratio": math.inf, "acc": 0.9}},
    "colons": {"results": {"group:a": 1.0, "b": 2.0}, "metadata": {"x:y": "z"}},
    "case": {"results": {"Rate": 1.0, "rate": 2.0}},
    "501 characters": {"results": {"acc": 0.9}, "metadata": {"text": "x" * 501}},
    "7,000 characters": {"results": {"acc": 0.9}, "metadata": {"text": "x" * 7000, "more": "y"}},
    "2,500 metrics": {"results": {f"metric_{n}": float(n) for n in range(2500)}},
    "Unicode": {"results": {"Größe年": 1.0, "é/ü": 2.0}, "metadata": {"名": "値"}},
    "a line's end": {"results": {"acc": 0.9}, "model_id": "m\nn", "user_id": "u\tv"},
    "no model": {"results": {"acc": 0.9}, "model_id": "", "test_type": "", "user_id": ""},
    "long names": {"results": {"acc": 0.9}, "model_id": "m" * 200},
}


def given_results(plain_ones: int = GIVEN) -> list[NewResult]:
    """So many as users save them, and all odd ones, each under a test id of its own."""
    typical = [*TYPICAL.values()]
    plain = [{**typical[n % len(typical)], "test_id": f"given-{n}"} for n in range(plain_ones)]
    odd = [{**one, "test_id": f"odd: {name}".ljust(200, ".")} for name, one in ODD.items()]
    return [_prepared(**one) for one in (*plain, *odd)]


def _prepared(**given: Any) -> NewResult:
    whole = {"user_id": "u", "model_id": "m", "dataset_id": "d", "test_type": "ml_bias", **given}
    return prepare(**whole, created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), private_fields=())


def metrics_by_key(engine: Engine) -> dict[str, int]:
    """How many metrics the run of each delivery has to hold, by the delivery's key."""
    with reading(engine) as connection:
        rows = connection.execute(
            select(outbox_table.c.delivery_key, results_table).join_from(
                outbox_table, results_table
            )
        ).all()
    return {row.delivery_key: len(extract(_saved(row), "p").metrics) for row in rows}


def _saved(row: Any) -> SavedResult:
    return SavedResult(
        row.test_id,
        row.user_id,
        row.revision,
        row.model_id,
        row.dataset_id,
        row.test_type,
        json.loads(row.results),
        json.loads(row.metadata),
        row.created_at,
    )


def statuses(engine: Engine) -> dict[str, str]:
    """Each delivery's status by test id, with its last error or its evidence's state if that is wrong."""
    of = outbox_table.c
    with reading(engine) as connection:
        rows = connection.execute(
            select(
                *(results_table.c.test_id, of.status, of.last_error),
                *(of.evidence_state, of.evidence_reason),
            )
            .join_from(outbox_table, results_table)
            .order_by(outbox_table.c.id)
        ).all()
    return {row.test_id: _status(row) for row in rows}


def _status(row: Any) -> str:
    if row.status != "delivered":
        return f"{row.status}: {row.last_error}"
    if row.evidence_state != "stored":
        return f"delivered, its evidence {row.evidence_state}: {row.evidence_reason}"
    return "delivered"
