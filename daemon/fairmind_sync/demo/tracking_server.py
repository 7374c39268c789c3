"""Starts a real MLflow server on a port of this machine, waits
until it is healthy, and ends it with its block.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from fairmind_sync.errors import FairmindSyncError

START_SECONDS = 120
LEAN = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Variables that keep a server to what tracking needs."""


@contextmanager
def held_port() -> Iterator[int]:
    """Yields a port of 127.0.0.1 that nobody else is given while the block runs; a server may listen there.

    The port is bound, and not listened on: whoever connects is refused until a server listens.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


@contextmanager
def tracking_server(
    directory: Path, port: int | None = None, workers: int = 1, python: str = sys.executable
) -> Iterator[str]:
    """Starts the server with its database in the directory; yields its URI once it answers.

    Without a `port` the server gets one of its own. `workers` are the server's processes, of which MLflow
    starts four by default. `python` is the interpreter whose MLflow is started.

    Raises:
        FairmindSyncError: the server didn't start; its output is in the directory's `mlflow.log`.
    """
    if port is None:
        with held_port() as own, tracking_server(directory, own, workers, python) as uri:
            yield uri
        return
    uri = f"http://127.0.0.1:{port}"
    log = directory / "mlflow.log"
    with log.open("ab") as output:
        server = subprocess.Popen(  # noqa: S603 our own command line
            _command(python, directory, port, workers),
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ
            | LEAN
            | {"PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"},
        )
    try:
        _wait_until_healthy(server, uri, log)
        yield uri
    finally:
        _end(server)


def _command(python: str, directory: Path, port: int, workers: int) -> list[str]:
    return [
        *(python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", str(workers), "--backend-store-uri", f"sqlite:///{directory / 'mlflow.db'}"),
        *("--artifacts-destination", str(directory / "artifacts")),
    ]


def _wait_until_healthy(server: subprocess.Popen[bytes], uri: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if _is_healthy(uri):
            return
        time.sleep(0.1)
    raise FairmindSyncError(f"the MLflow server did not start. Read {log}.")


def _is_healthy(uri: str) -> bool:
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=1) as reply:  # noqa: S310 it is http
            return bool(reply.status == HTTPStatus.OK)
    except (urllib.error.URLError, OSError):
        return False


def _end(server: subprocess.Popen[bytes]) -> None:
    """Ends the server's whole process group, because the server has worker processes."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
        except ProcessLookupError:
            break
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
    server.wait()
