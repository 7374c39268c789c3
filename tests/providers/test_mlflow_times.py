"""Results that are dated before 1970, which MLflow refuses: as a clock that was never set dates them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import Engine

from fairmind_sync.providers.mlflow.content import content_of
from fairmind_sync.providers.mlflow.runs_api import to_ms
from tests.providers.test_mlflow import MlflowLab
from tests.support.values import delivery

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "ms"),
    [
        (LONG_AGO, 1),
        (BEGIN, 1),
        (BEGIN + timedelta(milliseconds=2), 2),
        (datetime(9999, 12, 31, tzinfo=UTC), 253_402_214_400_000),
    ],
)
def test_no_time_is_earlier_than_mlflow_takes(moment: datetime, ms: int) -> None:
    """Nor is one 0, which MLflow takes for none."""
    assert to_ms(moment) == ms


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        (LONG_AGO, ("time 0001-01-01T00:00:00+00:00 is before 1970 and is sent as its begin",)),
        (BEGIN, ()),
    ],
)
def test_a_time_that_is_changed_is_told(moment: datetime, told: tuple[str, ...]) -> None:
    assert content_of(delivery(created_at=moment), "an-experiment").adjusted == told


def test_a_real_server_takes_it_whole(engine: Engine, mlflow_uri: str) -> None:
    lab = MlflowLab(engine, mlflow_uri)
    lab.save(created_at=LONG_AGO)
    assert lab.drain().status == "delivered"
    (run,) = lab.runs()
    held = httpx2.get(f"{mlflow_uri}/api/2.0/mlflow/runs/get", params={"run_id": run.id})
    info = held.json()["run"]["info"]
    assert (run.status, info["start_time"], info["end_time"]) == ("FINISHED", 1, 1)
