"""A backend in several processes, as uvicorn runs it: one delivers, another takes over from a dead one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine, select

from fairmind_sync.storage.engine import current_time, reading
from fairmind_sync.storage.tables import ALIVE_FOR, heartbeat_table, outbox_table
from tests.support.databases import rows
from tests.support.diagonals import MOSTLY_A_FILE, MOSTLY_A_SERVER
from tests.support.ending import ending_with_parent
from tests.support.processes import PATIENCE_S, command, eventually, running_daemon

BACKEND = """
from fastapi import FastAPI

from fairmind_sync import daemon, logs
from fairmind_sync.api import router
from fairmind_sync.settings import current_settings

logs.configure(current_settings())
app = FastAPI(lifespan=daemon.lifespan)
app.include_router(router)
"""
WORKERS = 3


@pytest.fixture
def env(database_url: str, engine: Engine, mlflow_uri: str) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "MLFLOW_EXPERIMENT_NAME": "several workers",
        "FAIRMIND_SYNC_DATABASE_URL": database_url,
    }


@contextmanager
def backend(env: dict[str, str], place: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A backend in several processes that all have started, and its log."""
    (place / "backend.py").write_text(BACKEND)
    log = place / "backend.log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as lines:
        descriptor = listener.fileno()
        uvicorn = [sys.executable, "-m", "uvicorn", "backend:app", "--workers", str(WORKERS)]
        process = subprocess.Popen(
            [*ending_with_parent(), *uvicorn, "--fd", str(descriptor), "--app-dir", str(place)],
            env={**os.environ, **env},
            stdout=lines,
            stderr=lines,
            pass_fds=[descriptor],
        )
        with process:
            try:
                eventually(lambda: log.read_text().count("startup complete") >= WORKERS)
                yield process, log
            finally:
                process.terminate()
                process.wait(PATIENCE_S)


def leaders(engine: Engine) -> set[int]:
    """The pids of the daemons that are alive."""
    now = current_time(engine)
    with reading(engine) as connection:
        beats = connection.execute(select(heartbeat_table.c.pid, heartbeat_table.c.seen_at)).all()
    return {pid for pid, seen_at in beats if now - seen_at < ALIVE_FOR}


def delivered(engine: Engine) -> int:
    return sum(row.status == "delivered" for row in rows(engine, outbox_table))


def save(env: dict[str, str], test_id: str) -> None:
    result = f'{{"test_id":"{test_id}","model_id":"m","test_type":"x","results":{{"a":1}}}}'
    command("save", "-", env=env, stdin=result)


@pytest.mark.nightly
@MOSTLY_A_SERVER
def test_one_process_delivers(env: dict[str, str], engine: Engine, tmp_path: Path) -> None:
    with backend(env, tmp_path) as (_, log):
        assert len(leaders(engine)) == 1
        assert log.read_text().count("daemon.standing_by") == WORKERS - 1


@MOSTLY_A_FILE
def test_another_process_takes_over_from_a_killed_one(
    env: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    with backend(env, tmp_path):
        save(env, "before")
        eventually(lambda: delivered(engine) == 1)
        (leader,) = leaders(engine)
        psutil.Process(leader).kill()
        save(env, "after")
        assert eventually(lambda: delivered(engine) == 2)
        assert any(pid != leader for pid in leaders(engine))


@pytest.mark.nightly
@MOSTLY_A_FILE
def test_beside_a_daemon_a_backend_stands_by(
    env: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    with running_daemon(env, tmp_path) as daemon, backend(env, tmp_path):
        assert leaders(engine) == {daemon.process.pid}


@pytest.mark.nightly
@MOSTLY_A_SERVER
def test_a_backend_takes_over_from_a_daemon_that_ends(
    env: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    with running_daemon(env, tmp_path) as daemon, backend(env, tmp_path) as (_, log):
        daemon.stop()
        eventually(lambda: "daemon.taken_over" in log.read_text())
        assert len(leaders(engine)) == 1


@pytest.mark.nightly
@MOSTLY_A_FILE
def test_a_daemon_delivers_also_beside_a_backend(
    env: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    with backend(env, tmp_path), running_daemon(env, tmp_path) as daemon:
        daemon.event("daemon.beside_another")
        assert daemon.process.pid in leaders(engine)
