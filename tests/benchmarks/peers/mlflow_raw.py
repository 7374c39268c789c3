"""The three requests that an MLflow run needs over keep-alive connections, and nothing else.

With `files`, also each file of a usual result's evidence, which is read back.
"""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.content import (
    EVIDENCE,
    METRICS,
    MORE_TAGS,
    NOW_MS,
    PARAMS,
    RUN_NAME,
    TAGS,
)
from tests.benchmarks.peers import order

_CREATE = {
    "run_name": RUN_NAME,
    "start_time": NOW_MS,
    "tags": [{"key": key, "value": value} for key, value in (TAGS | MORE_TAGS).items()],
}
_BATCH = {
    "metrics": [
        {"key": key, "value": value, "timestamp": NOW_MS, "step": 0}
        for key, value in METRICS.items()
    ],
    "params": [{"key": key, "value": value} for key, value in PARAMS.items()],
}


class Raw:
    """Each order opens a connection a thread: the server closes those that are idle."""

    def __init__(self, uri: str, experiment: str) -> None:
        self._place = urlsplit(uri).netloc
        made = _Connection(self._place, quick=False).call("experiments/create", name=experiment)
        self._experiment_id = made["experiment_id"]

    def log(self, runs: int, threads: int, *, quick: bool, files: bool = False) -> None:
        shares = [range(number, runs, threads) for number in range(threads)]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda share: self._log(len(share), quick=quick, files=files), shares))

    def _log(self, runs: int, *, quick: bool, files: bool) -> None:
        to = _Connection(self._place, quick=quick)
        for _ in range(runs):
            made = to.call("runs/create", experiment_id=self._experiment_id, **_CREATE)
            run_id = made["run"]["info"]["run_id"]
            for name, content in EVIDENCE.items() if files else ():
                path = f"{self._experiment_id}/{run_id}/artifacts/evidence/{name}"
                to.store(path, content)
            to.call("runs/log-batch", run_id=run_id, **_BATCH)
            to.call("runs/update", run_id=run_id, status="FINISHED", end_time=NOW_MS)
        to.close()


class _Connection:
    def __init__(self, place: str, *, quick: bool) -> None:
        self._http = HTTPConnection(place)
        self._quick = quick
        self.close = self._http.close

    def call(self, endpoint: str, **fields: Any) -> Any:
        headers = {"Content-Type": "application/json"}
        body = json.dumps(fields).encode()
        return json.loads(self._ask("POST", f"/api/2.0/mlflow/{endpoint}", body, headers))

    def store(self, path: str, content: bytes) -> None:
        where = f"/api/2.0/mlflow-artifacts/artifacts/{path}"
        self._ask("PUT", where, content, {})
        assert self._ask("GET", where, None, {}) == content

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        self._http.request(method, path, body, headers)
        if self._quick:
            self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        reply = self._http.getresponse()
        content = reply.read()
        assert reply.status == 200, content
        return content


if __name__ == "__main__":
    order.take(Raw(sys.argv[1], sys.argv[2]).log)
