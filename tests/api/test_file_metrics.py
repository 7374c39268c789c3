"""What metrics and readiness tell of the disk that a SQLite file is on."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.storage import sqlite_file
from tests.api.test_metrics import metric, start_daemon
from tests.support.deliveries import save


def test_metrics_tell_the_size_of_the_write_ahead_log(client: TestClient, engine: Engine) -> None:
    save(engine, "mlflow")
    assert metric(client, "database_wal_bytes") == {(): sqlite_file.wal_size(engine)}


def test_metrics_tell_what_the_disk_can_take(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "free_bytes", lambda _engine: 12_345)
    assert metric(client, "disk_free_bytes") == {(): 12_345}


def test_it_is_not_ready_with_a_full_disk(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_daemon(engine, utc_now())
    monkeypatch.setattr(sqlite_file, "free_bytes", lambda _engine: 0)
    reply = client.get("/readyz")
    assert (reply.status_code, "has no room on its disk" in reply.json()["reason"]) == (503, True)
