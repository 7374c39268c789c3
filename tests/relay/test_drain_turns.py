"""A drain's worker processes by themselves, over what stands for processes: nothing is started."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import StorageError
from fairmind_sync.relay import drain_processes, worker, worker_count
from fairmind_sync.settings import Settings
from tests.support.deliveries import save
from tests.support.log_events import captured_logs

LOST = StorageError("the disk is full")
WITH_EVIDENCE = {"probe_now": True, "and_sweep": True, "and_evidence": True}


class Process:
    """Ends when it is killed, or when the test says so; `ends_at_once` with its start."""

    ends_at_once = True
    exitcode = 0

    def __init__(self, target: Any, args: tuple[Any, ...]) -> None:
        self.target, self.args, self.pid = target, args, 77
        self.sentinel, self._alive = os.pipe()
        self.did: list[str] = []

    def start(self) -> None:
        self.did.append("started")
        if self.ends_at_once:
            self.end()

    def end(self) -> None:
        os.close(self._alive)

    def kill(self) -> None:
        self.did.append("killed")
        self.end()

    def join(self) -> None:
        self.did.append("joined")
        os.close(self.sentinel)


@dataclass
class Pipe:
    """Both ends of a pipe for errors."""

    sent: list[Exception] = field(default_factory=list)

    def send(self, error: Exception) -> None:
        self.sent.append(error)

    def recv(self) -> Exception:
        if not self.sent:
            raise EOFError
        return self.sent.pop()


@dataclass
class Context:
    """In the place of what multiprocessing starts processes by."""

    processes: list[Process] = field(default_factory=list)

    def Process(self, **how: Any) -> Process:  # noqa: N802 multiprocessing's name
        self.processes.append(Process(**how))
        return self.processes[-1]

    def Pipe(self, *, duplex: bool) -> tuple[Pipe, Pipe]:  # noqa: N802 multiprocessing's name
        assert duplex is False
        pipe = Pipe()
        return pipe, pipe


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Context:
    made = Context()
    contexts = {drain_processes._METHOD: made}
    monkeypatch.setattr("multiprocessing.get_context", contexts.__getitem__)
    monkeypatch.setattr(Process, "ends_at_once", True)
    return made


def run(engine: Engine, settings: Settings, seconds: float | None = None) -> list[Any]:
    """What was logged."""
    with captured_logs() as events:
        drain_processes.run(engine, settings, ["wandb", "mlflow"], lambda: None, seconds)
    return events


def test_each_provider_gets_a_first_process_and_a_large_backlog_a_second(
    engine: Engine, configured: Settings, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_count, "LARGE_BACKLOG", 1)
    save(engine, "wandb")
    assert run(engine, configured) == []
    assert [(one.target, one.args[:3], one.did) for one in context.processes] == [
        (drain_processes._drain, ("wandb", 1, configured), ["started", "joined"]),
        (drain_processes._drain, ("wandb", 2, configured), ["started", "joined"]),
        (drain_processes._drain, ("mlflow", 1, configured), ["started", "joined"]),
    ]


def test_what_runs_on_after_its_time_is_asked_to_stop_and_then_killed_and_told(
    engine: Engine, configured: Settings, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Process, "ends_at_once", False)
    settings = configured.model_copy(update={"shutdown_seconds": 0.0})
    killed = {"event": "worker.killed", "pid": 77, "log_level": "warning"}
    assert run(engine, settings, 0.0) == [
        {**killed, "provider": "wandb"},
        {**killed, "provider": "mlflow"},
    ]
    assert [one.did for one in context.processes] == [["started", "killed", "joined"]] * 2
    assert all(one.args[3].stop.value for one in context.processes)


def test_what_ends_in_its_time_is_not_killed_and_progress_is_told_meanwhile(
    engine: Engine, configured: Settings, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Process, "ends_at_once", False)
    monkeypatch.setattr(drain_processes, "_PROGRESS_INTERVAL_S", 0.001)
    asked: list[bool] = []

    def end_one() -> None:
        asked.append(context.processes[0].args[3].stop.value)
        if len(asked) <= len(context.processes):
            context.processes[len(asked) - 1].end()

    drain_processes.run(engine, configured, ["wandb", "mlflow"], end_one, 60.0)
    assert asked == [False, False, False]
    assert [one.did for one in context.processes] == [["started", "joined"]] * 2


def test_an_interruption_waits_for_what_has_begun(
    engine: Engine, configured: Settings, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Process, "ends_at_once", False)

    def interrupt() -> None:
        for one in context.processes:
            one.end()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drain_processes.run(engine, configured, ["wandb"], interrupt, None)
    assert context.processes[0].args[3].stop.value


def test_a_process_that_died_is_told(
    engine: Engine, configured: Settings, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Process, "exitcode", 9)
    failed = {"event": "worker.failed", "log_level": "error"}
    reason = "the worker process ended early"
    assert run(engine, configured) == [
        {**failed, "provider": "wandb", "reason": reason},
        {**failed, "provider": "mlflow", "reason": reason},
    ]


def test_what_ended_a_drain_is_raised(
    engine: Engine, configured: Settings, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(process: Process) -> None:
        process.args[4].send(LOST)
        process.end()

    monkeypatch.setattr(Process, "start", send)
    with pytest.raises(StorageError, match="the disk is full"):
        run(engine, configured)


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a process does, in this one."""
    did: list[Any] = []
    monkeypatch.setattr(worker, "start", lambda *given: did.append(given))
    monkeypatch.setattr(worker, "drain", lambda *given, **how: did.append((given, how)))
    monkeypatch.setattr("atexit._run_exitfuncs", lambda: did.append("over"))
    return did


@pytest.mark.parametrize(
    ("number", "evidence", "work"),
    [
        (1, "all", WITH_EVIDENCE),
        (1, "none", {**WITH_EVIDENCE, "and_evidence": False}),
        (2, "all", dict.fromkeys(WITH_EVIDENCE, False)),
    ],
)
def test_the_first_process_does_all_work_and_the_second_only_delivers(
    configured: Settings, inside: list[Any], number: int, evidence: str, work: dict[str, bool]
) -> None:
    settings: Any = configured.model_copy(update={"evidence": evidence})
    flags: Any = object()
    drain_processes._drain("mlflow", number, settings, flags, error=Pipe())  # type: ignore[arg-type]
    assert inside == [(settings, flags), (("mlflow", settings), work), "over"]


def test_what_ends_a_drain_is_sent_home_and_the_process_cleans_up(
    configured: Settings, inside: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object, **_how: object) -> None:
        raise LOST

    pipe, flags = Pipe(), object()
    monkeypatch.setattr(worker, "drain", fail)
    drain_processes._drain("mlflow", 1, configured, flags, error=pipe)  # type: ignore[arg-type]
    assert (pipe.sent, inside[-1]) == ([LOST], "over")
