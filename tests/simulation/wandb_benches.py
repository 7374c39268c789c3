"""Calls of `Sdk`, answered by the simulator's model, or by W&B's real SDK in a process of its own."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import httpx2

from fairmind_sync.providers import open_provider
from fairmind_sync.providers.wandb.content import WandbContent
from fairmind_sync.settings import load_settings
from tests.conftest import API_KEY
from tests.simulation import faults as simulated
from tests.simulation.single_calls import SingleCalls, each
from tests.simulation.wandb_service import WandbModelSdk, WandbService
from tests.simulation.world import Process
from tests.standins import faults
from tests.standins.wandb import Fault, StandInWandb, serve_wandb
from tests.support import forked

RETRY_AFTER_S = 30.0
_FOR_EVER = 10.0**9
_LONGEST_S = 240
_LAG_S = 0.1
_AT_THE_STANDIN = {
    "stream": "file_stream",
    "require_stream": "file_stream",
    "complete": "file_stream_complete",
    "project": "viewer",
    "store_file": "put",
}
_LOST: dict[str, faults.Action] = {"lost": "drop_before", "no_reply": "drop_after"}
_LATE_UPSERT = "mutation UpsertBucket { upsertBucket { bucket { id } } }"


class Bench(Protocol):
    """A fault strikes the next request of its kind, or each; requests are called as the model calls them."""

    def ask(self, call: str, *arguments: Any) -> Any:
        """Returns or raises what the call does."""

    def strike(self, request: str, effect: str, *, always: bool = False) -> None: ...

    def be_well(self) -> None: ...

    def go_away(self) -> None: ...

    def delete(self, run_id: str) -> None:
        """Deletes the run, as a user of W&B does."""

    def upsert_late(self, run_id: str, content: WandbContent) -> None:
        """Has the first request of an upload arrive, of which nothing else will."""


class ModelBench:
    def __init__(self) -> None:
        self._calls = SingleCalls()
        self._service = WandbService(self._calls.world, "wandb", lag=_LAG_S)
        self._sdk: WandbModelSdk | None = None

    def ask(self, call: str, *arguments: Any) -> Any:
        self._calls.let_pass(2 * _LAG_S)
        return self._calls.carry_out(lambda process: getattr(self._of(process), call)(*arguments))

    def _of(self, process: Process) -> WandbModelSdk:
        """The bench's only SDK, by the way of the process."""
        wire = self._calls.wire(process, self._service)
        self._sdk = self._sdk or WandbModelSdk(wire, self._service)
        self._sdk._wire = wire
        return self._sdk

    def strike(self, request: str, effect: str, *, always: bool = False) -> None:
        at = f"wandb {request}"
        seconds = RETRY_AFTER_S if effect in ("429", "503") else 0.0
        once = [simulated.Fault(at, 1, effect, seconds)]
        self._calls.strike(*(each(at, effect) if always else once))

    def be_well(self) -> None:
        self._calls.strike()

    def go_away(self) -> None:
        self._service.away_until = _FOR_EVER

    def delete(self, run_id: str) -> None:
        self._service.delete(run_id)

    def upsert_late(self, run_id: str, content: WandbContent) -> None:
        self._service.upsert(run_id, content)


class SdkBench:
    """The real SDK and wandb-core, for as long as the bench is used, and the stand-in of the service."""

    def __init__(self, standin: StandInWandb, child: Connection) -> None:
        self._standin = standin
        self._child = child
        self._is_spoilt = False

    def ask(self, call: str, *arguments: Any) -> Any:
        self._child.send((call, arguments))
        assert self._child.poll(_LONGEST_S), f"{call} took longer than {_LONGEST_S} s"
        value, error = self._child.recv()
        if error is not None:
            raise error
        return value

    def strike(self, request: str, effect: str, *, always: bool = False) -> None:
        kind = _AT_THE_STANDIN.get(request, request)
        rule = Fault(kind, _LOST.get(effect, "status"), times=None if always else 1)
        if effect.isdecimal():
            rule.status = int(effect)
            rule.retry_after = RETRY_AFTER_S if effect in ("429", "503") else None
        self._standin.faults.replace([rule])
        self._is_spoilt = True

    def be_well(self) -> None:
        """With a wandb-core that remembers no failed run, as the provider sees to."""
        self._standin.faults.replace([])
        self.ask("restart")

    def go_away(self) -> None:
        self._standin.stop()
        self._is_spoilt = True

    def come_back(self) -> None:
        """Ends all trouble."""
        if self._is_spoilt:
            self._standin.stop()
            self._standin.start()
            self.be_well()
            self._is_spoilt = False

    def delete(self, run_id: str) -> None:
        self._standin.store.delete(run_id)

    def upsert_late(self, run_id: str, content: WandbContent) -> None:
        run = self._standin.runs[run_id]
        values = {"name": run.id, "project": run.project, "displayName": content.name}
        body = {"query": _LATE_UPSERT, "variables": values}
        url = f"{self._standin.base_url}/graphql"
        httpx2.post(url, json=body, auth=("api", API_KEY)).raise_for_status()


@contextmanager
def sdk_bench(place: Path) -> Iterator[SdkBench]:
    with serve_wandb({API_KEY}) as standin:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(place),
            "TMPDIR": str(place),
            "WANDB_API_KEY": API_KEY,
            "WANDB_BASE_URL": standin.base_url,
            "MLOPS_PROVIDER": "wandb",
        }
        ours, theirs = forked._processes.Pipe()
        child = forked._processes.Process(target=_answer_calls, args=(theirs, env, place))
        child.start()
        theirs.close()
        try:
            yield SdkBench(standin, ours)
            ours.send(None)
            child.join(_LONGEST_S)
        finally:
            child.kill()
            child.join()
            child.close()
            ours.close()


def _answer_calls(calls: Connection, env: dict[str, str], place: Path) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(place)
    tempfile.tempdir = None  # by TMPDIR, again
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    provider: Any = open_provider("wandb", load_settings())
    try:
        while asked := calls.recv():
            calls.send(_answered(provider._sdk, *asked))
    finally:
        calls.close()
        atexit._run_exitfuncs()  # a forked process doesn't, a worker does


def _answered(sdk: Any, call: str, arguments: tuple[Any, ...]) -> tuple[Any, Exception | None]:
    try:
        return getattr(sdk, call)(*arguments), None
    except Exception as error:  # noqa: BLE001 whoever asks gets it
        return None, error
