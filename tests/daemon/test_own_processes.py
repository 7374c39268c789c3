"""Which processes the end of the deliveries waits for and kills: workers, and never a backend's own."""

from __future__ import annotations

import multiprocessing
import subprocess
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from fairmind_sync.daemon.worker_processes import WorkerExecutor, WorkerProcesses
from fairmind_sync.relay import worker
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.settings import Settings
from tests.support.log_events import captured_logs
from tests.support.processes import PATIENCE_S, eventually

assert subprocess  # it starts processes: of the system tier

NO_TIME_S = 0.01


def live(*_settings_and_flags: object) -> None:
    pass


@pytest.fixture
def own() -> Iterator[BaseProcess]:
    """A process that a backend has started for itself."""
    own = multiprocessing.get_context("spawn").Process(target=time.sleep, args=[PATIENCE_S])
    own.start()
    yield own
    own.kill()
    own.join()


@pytest.fixture
def executor(processes: WorkerProcesses, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An executor whose process is at work."""
    monkeypatch.setattr(worker, "start", live)
    executor = processes.executor(Settings(), SharedFlags())
    scheduler = BackgroundScheduler()
    scheduler.start()
    scheduler.add_executor(executor, "worker")
    scheduler.add_job(time.sleep, executor="worker", args=[PATIENCE_S], misfire_grace_time=None)
    yield executor
    scheduler.shutdown(wait=False)


@pytest.fixture
def processes() -> WorkerProcesses:
    return WorkerProcesses()


def killed(processes: WorkerProcesses) -> list[int]:
    """Who is killed where nobody is given time to end."""
    with captured_logs() as events:
        processes.end(NO_TIME_S)
    return [event["pid"] for event in events if event["event"] == "worker.killed"]


def test_a_process_of_the_backends_own_is_left_alone(
    processes: WorkerProcesses, own: BaseProcess
) -> None:
    assert (killed(processes), own.is_alive()) == ([], True)


def test_a_process_of_the_backends_own_is_no_worker(
    processes: WorkerProcesses, own: BaseProcess
) -> None:
    assert own.pid is not None
    assert not processes.is_alive(own.pid)


def test_a_worker_whose_executor_was_shut_down_is_killed(
    processes: WorkerProcesses, executor: WorkerExecutor
) -> None:
    (process,) = eventually(processes._living)
    executor.shutdown(wait=False)
    assert (killed(processes), processes._living()) == ([process.pid], [])
