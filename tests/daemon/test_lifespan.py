"""A FastAPI backend that serves our endpoints and delivers in its own process, to a real MLflow server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psutil
import pytest

from fairmind_sync.clock import utc_now
from fairmind_sync.outbox import heartbeat
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import reading
from tests.support.mlflow_runs import runs_of
from tests.support.processes import PATIENCE_S, eventually

EXPERIMENT = f"lifespan {uuid4()}"
BASE = "/api/v1/mlops"
PROBLEM = "application/problem+json"
BODY: dict[str, Any] = {
    "test_id": "posted",
    "model_id": "m",
    "test_type": "ml_bias",
    "results": {"accuracy": 0.85},
    "wait": 60,
}
BACKEND = """
import socket

import uvicorn
from fastapi import FastAPI

from fairmind_sync import daemon
from fairmind_sync.api import router

app = FastAPI(lifespan=daemon.lifespan)
app.include_router(router)

if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(app)).run(sockets=[listener])
"""


class Backend:
    def __init__(self, process: subprocess.Popen[str], client: httpx2.Client) -> None:
        self.process = process
        self.client = client

    def post(self, **changes: Any) -> httpx2.Response:
        return self.client.post(f"{BASE}/log-test", json=BODY | changes)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=PATIENCE_S)


@contextmanager
def running_backend(directory: Path, env: dict[str, str]) -> Iterator[Backend]:
    script = directory / "backend.py"
    script.write_text(BACKEND)
    process = subprocess.Popen(
        [sys.executable, script], env=os.environ | env, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
                yield Backend(process, client)
        finally:
            process.terminate()


def settings(database_url: str, mlflow_uri: str) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "MLFLOW_EXPERIMENT_NAME": EXPERIMENT,
        "FAIRMIND_SYNC_DATABASE_URL": database_url,
    }


@pytest.fixture(scope="module")
def backend(shared_place: Path, mlflow_uri: str) -> Iterator[Backend]:
    """Each test here takes it as the others leave it."""
    database_url = f"sqlite:///{shared_place / 'results.db'}"
    with running_backend(shared_place, settings(database_url, mlflow_uri)) as backend:
        yield backend


@pytest.fixture
def own_backend(tmp_path: Path, database_url: str, mlflow_uri: str) -> Iterator[Backend]:
    """Of a test that ends it."""
    with running_backend(tmp_path, settings(database_url, mlflow_uri)) as backend:
        yield backend


def test_a_posted_test_is_delivered(backend: Backend, mlflow_uri: str) -> None:
    entry = backend.post().json()["logging_status"]["mlflow"]
    assert entry["run_id"] in [run.id for run in runs_of(mlflow_uri, EXPERIMENT)]


def test_the_url_of_a_posted_tests_run_is_known(backend: Backend) -> None:
    entry = backend.post().json()["logging_status"]["mlflow"]
    found = backend.client.get(f"{BASE}/run-url/mlflow/{entry['run_id']}").json()
    assert (found["url"], found["success"]) == (entry["url"], True)


def test_a_backend_delivers_in_a_process_of_its_own(backend: Backend) -> None:
    backend.post()
    assert backend.children() != []


def test_the_end_of_a_backend_is_the_end_of_its_workers(own_backend: Backend) -> None:
    own_backend.post()
    children = own_backend.children()
    own_backend.end()
    assert eventually(lambda: not any(child.is_running() for child in children))


def test_a_backend_that_ends_is_no_daemon_any_more(own_backend: Backend, database_url: str) -> None:
    own_backend.post()
    own_backend.end()
    with reading(schema.ready_engine(database_url)) as connection:
        assert not heartbeat.any_alive(connection, utc_now())


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/run-url/mlflow/unknown", None, 404),
        ("GET", "/results/unknown", None, 404),
        ("GET", "/runs?limit=0", None, 422),
        ("POST", "/log-test", {"test_id": "t"}, 422),
        ("POST", "/log-test", BODY | {"test_id": "a\0b"}, 422),
        ("POST", "/deliveries/77/retry", None, 404),
    ],
)
def test_errors_are_problem_details_in_a_backend_too(
    backend: Backend, method: str, path: str, body: object, status: int
) -> None:
    reply = backend.client.request(method, f"{BASE}{path}", json=body)
    assert (reply.status_code, reply.headers["content-type"]) == (status, PROBLEM)
