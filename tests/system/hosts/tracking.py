"""An MLflow server in the hub of a network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from fairmind_sync.demo.tracking_server import LEAN
from tests.support.processes import PATIENCE_S, eventually
from tests.system.hosts.network import Network

PORT = 5000


@contextmanager
def mlflow_in(net: Network, place: Path) -> Iterator[None]:
    everywhere = "0.0.0.0"  # noqa: S104 in the hub's own network
    server = [sys.executable, "-m", "mlflow", "server", "--host", everywhere, "--port", str(PORT)]
    store = ["--backend-store-uri", f"sqlite:///{place / 'mlflow.db'}", "--workers", "1"]
    with (place / "mlflow.log").open("wb") as log, net.visitor("hub") as there:
        process = subprocess.Popen(
            [*net.inside("hub"), *server, *store, "--allowed-hosts", "*"],
            stdout=log,
            stderr=log,
            env=os.environ | LEAN,
        )
        try:
            eventually(lambda: there.submit(_is_healthy).result())
            yield
        finally:
            process.terminate()
            process.wait(timeout=240)


def _is_healthy() -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{PORT}/health", timeout=PATIENCE_S).is_success
    except httpx2.TransportError:
        return False
