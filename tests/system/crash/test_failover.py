"""The database's server goes away in mid-delivery and comes back; the daemon stays."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import let_go
from fairmind_sync.storage.tables import outbox_table
from tests.support.databases import rows
from tests.support.mlflow_runs import runs_of
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.processes import command, eventually, running_daemon
from tests.system.crash.trouble import SHORT_LEASES, troubled

RESULTS = 60
RESULT = '{{"test_id": "test-{}", "model_id": "m", "test_type": "ml_bias", "results": {{"a": {}}}}}'


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def env(server: PostgresServer, mlflow_uri: str) -> Iterator[dict[str, str]]:
    url = server.url(server.new_database_of_today())
    yield {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "MLFLOW_EXPERIMENT_NAME": uuid4().hex,
        "FAIRMIND_SYNC_DATABASE_URL": url,
        "FAIRMIND_SYNC_POLL_SECONDS": "0.5",
        **troubled(times=SHORT_LEASES),
    }
    let_go(url)


def kill_and_start(server: PostgresServer) -> None:
    server.stop(signal.SIGKILL)
    server.start()


def end_sessions(server: PostgresServer) -> None:
    for seed in range(4):
        server.end_sessions(random.Random(seed))


def save(numbers: range, env: dict[str, str]) -> None:
    lines = "\n".join(RESULT.format(number, number) for number in numbers)
    command("save", "-", env=env, stdin=lines)


def delivered(engine: Engine) -> int:
    return len([row for row in rows(engine, outbox_table) if row.status == "delivered"])


@pytest.mark.nightly
@pytest.mark.parametrize("strike", [kill_and_start, end_sessions])
def test_a_daemon_outlives_its_database_server(
    env: dict[str, str],
    server: PostgresServer,
    tmp_path: Path,
    strike: Callable[[PostgresServer], None],
) -> None:
    engine = schema.ready_engine(env["FAIRMIND_SYNC_DATABASE_URL"])
    save(range(RESULTS), env)
    with running_daemon(env, tmp_path) as daemon:
        eventually(lambda: delivered(engine) > RESULTS / 4)
        strike(server)
        save(range(RESULTS, RESULTS + 10), env)
        eventually(lambda: delivered(engine) == RESULTS + 10)
        assert daemon.process.poll() is None
    command("drain", env=env, check=False)  # which sweeps: a create may have been under way
    runs = runs_of(env["MLFLOW_TRACKING_URI"], env["MLFLOW_EXPERIMENT_NAME"], "ACTIVE_ONLY")
    found = sorted((run.id, run.status, len(run.metrics)) for run in runs)
    assert found == sorted((row.run_id, "FINISHED", 1) for row in rows(engine, outbox_table))
