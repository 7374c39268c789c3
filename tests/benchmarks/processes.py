"""The processes of a benchmark: servers and peers; each ends with its block."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.conftest import API_KEY, CHECKOUT
from tests.support.processes import eventually

_END_SECONDS = 5


class Peer:
    """A module of `peers`, started and warm; a call is an order, and returns when it is done."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid
        assert self.is_done(within=120)

    def __call__(self, **order: Any) -> None:
        self.ask(**order)
        assert self.is_done(within=600)

    def ask(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def is_done(self, within: float) -> bool:
        """Whether it answers in so many seconds."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], within)
        if ready and not self._process.stdout.readline():
            raise AssertionError(f"the peer died: {self._log.read_text()[-2000:]}")
        return bool(ready)


@contextmanager
def peer(
    name: str, *arguments: str, place: Path, env: Mapping[str, str] | None = None
) -> Iterator[Peer]:
    command = [sys.executable, "-m", f"tests.benchmarks.peers.{name}", *arguments]
    path = place / f"{name}.log"
    with path.open("a") as log, _process(command, place, env, log) as process:
        yield Peer(process, path)


@contextmanager
def wandb_server(place: Path, latency_s: float = 0.0) -> Iterator[dict[str, str]]:
    """The stand-in; yields the variables that lead to it."""
    port_file = place / f"{uuid4().hex}.port"
    command = [
        *(sys.executable, "-m", "tests.standins.wandb"),
        *("--port-file", str(port_file), "--latency", str(latency_s)),
    ]
    with _process(command, place, None, subprocess.DEVNULL) as process:
        eventually(port_file.exists)
        yield {
            "WANDB_BASE_URL": f"http://127.0.0.1:{port_file.read_text()}",
            "WANDB_API_KEY": API_KEY,
        }
        process.terminate()


@contextmanager
def _process(
    command: list[str], place: Path, env: Mapping[str, str] | None, log: Any
) -> Iterator[subprocess.Popen[str]]:
    """Its stdin's end asks it to end; in the end its whole group is killed."""
    process = subprocess.Popen(
        command,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "HOME": str(place), **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
