"""One MLflow server and one PostgreSQL server for all processes of a test run.

The first test that needs a server starts a keeper, which holds the server until the run's broom ends both.
"""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2

from fairmind_sync.demo.tracking_server import tracking_server
from tests.support.broom import place_in_memory, place_of_the_run
from tests.support.postgres import postgres_server

_CHECKOUT = Path(__file__).parents[2]


def server_of_this_run(kind: str) -> str:
    """What the keeper tells of its running server: MLflow's URI, or PostgreSQL's directory."""
    told = place_of_the_run() / kind
    with told.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            _start_keeper(kind, told)
    return told.read_text()


def _start_keeper(kind: str, told: Path) -> None:
    with told.with_suffix(".log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.run_servers", kind, str(told)],
            cwd=_CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # what interrupts the tests leaves them their server until their end
        )
    keeper.returncode = 0  # nobody waits for it
    assert keeper.stdout is not None
    with keeper.stdout as words:
        assert words.readline() == b"ready\n", told.with_suffix(".log").read_text()


def _keep(kind: str, told: Path) -> None:
    with _SERVERS[kind]() as words:
        told.write_text(words)
        print("ready", flush=True)  # noqa: T201 the tests read it
        signal.pause()


@contextmanager
def _mlflow() -> Iterator[str]:
    with tracking_server(place_in_memory("mlflow")) as uri:
        # Its first look into its database takes seconds.
        search = f"{uri}/api/2.0/mlflow/experiments/search"
        httpx2.get(search, params={"max_results": 1}, timeout=240).raise_for_status()
        yield uri


@contextmanager
def _postgres() -> Iterator[str]:
    with postgres_server() as server:
        server.make_template()
        yield str(server.place)


_SERVERS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "mlflow": _mlflow,
    "postgresql": _postgres,
}

if __name__ == "__main__":
    _keep(sys.argv[1], Path(sys.argv[2]))
