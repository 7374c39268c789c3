"""A pooler between us and PostgreSQL that gives each transaction whatever session is free."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine

from fairmind_sync.intake.prepare import prepare
from fairmind_sync.settings import Settings
from fairmind_sync.storage import schema
from fairmind_sync.storage.commit_watch import CommitWatch
from fairmind_sync.storage.engine import let_go, reading
from fairmind_sync.storage.tables import outbox_table
from fairmind_sync.storage.tables import results_table as results
from tests.support.databases import rows
from tests.support.deliveries import claim, save, save_with
from tests.support.mlflow_runs import runs_of
from tests.support.postgres import PostgresServer, as_whom, session_limits
from tests.support.processes import eventually, running_daemon

CONFIG = """
[databases]
* = host={server} user=postgres
[pgbouncer]
listen_addr =
unix_socket_dir = {place}
auth_type = any
pool_mode = transaction
default_pool_size = 3
min_pool_size = 3
"""


@pytest.fixture
def pooled_url(postgres: PostgresServer) -> Iterator[str]:
    """Of a database with today's schema, through three sessions that everybody shares."""
    place = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    place.chmod(0o777)
    (place / "pgbouncer.ini").write_text(CONFIG.format(server=postgres.place, place=place))
    (place / "pgbouncer.ini").chmod(0o644)
    name = postgres.new_database_of_today()
    with (place / "log").open("wb") as log:
        pooler = subprocess.Popen(
            [*as_whom(), "pgbouncer", place / "pgbouncer.ini"], stdout=log, stderr=log
        )
    try:
        url = f"postgresql+psycopg://postgres@/{name}?host={place}&port=6432"
        eventually(lambda: _answers(place, name))
        yield url
        let_go(url)
    finally:
        pooler.terminate()
        pooler.wait(timeout=240)
        postgres.drop(name)
        shutil.rmtree(place)


def _answers(place: Path, name: str) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(host=str(place), port=6432, user="postgres", dbname=name).close()
        return True
    return False


@pytest.fixture
def pooled(pooled_url: str) -> Engine:
    return schema.ready_engine(pooled_url)


def test_threads_save_and_claim_through_shared_sessions(pooled: Engine) -> None:
    def work(number: int) -> int:
        save(pooled, "mlflow", "wandb", test_id=f"test-{number}")
        return len(claim(pooled, limit=1))

    with ThreadPoolExecutor(12) as pool:
        claimed = sum(pool.map(work, range(240)))
    assert (len(rows(pooled, results)), 0 < claimed <= 240) == (240, True)


def test_no_statement_is_prepared(pooled: Engine) -> None:
    with reading(pooled) as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.prepare_threshold is None


def test_sessions_that_the_pooler_may_lend_to_others_are_left_as_they_are(pooled: Engine) -> None:
    assert session_limits(pooled) == ["0", "0"]


def test_watching_does_no_harm(pooled: Engine) -> None:
    """Whether it hears anything there is chance: the slow poll finds what is new."""
    with closing(CommitWatch(pooled)) as watch:
        save(pooled, "mlflow")
        watch.has_changed()
        save(pooled, "mlflow")
    assert len(rows(pooled, results)) == 2


def test_a_daemon_delivers(pooled_url: str, mlflow_uri: str, tmp_path: Path) -> None:
    experiment = uuid4().hex
    env = {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "MLFLOW_EXPERIMENT_NAME": experiment,
        "FAIRMIND_SYNC_DATABASE_URL": pooled_url,
        "FAIRMIND_SYNC_POLL_SECONDS": "1",
    }
    configured = Settings(provider="mlflow", database_url=pooled_url)
    engine = schema.ready_engine(pooled_url)
    with running_daemon(env, tmp_path):
        new = [
            prepare(f"t-{number}", None, "m", None, "ml_bias", {"a": number}, private_fields=())
            for number in range(40)
        ]
        save_with(configured, new)
        eventually(lambda: {row.status for row in rows(engine, outbox_table)} == {"delivered"})
    assert len(runs_of(mlflow_uri, experiment)) == 40
