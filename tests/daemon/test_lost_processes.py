"""A worker process that dies with its drain, or doesn't start, is noticed: APScheduler only logs that."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from fairmind_sync.daemon.worker_processes import WorkerExecutor, WorkerProcesses
from fairmind_sync.relay import worker
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.settings import Settings
from tests.support.processes import eventually

assert subprocess  # it starts processes: of the system tier


def die(*_settings_and_flags: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def live(*_settings_and_flags: object) -> None:
    pass


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., WorkerExecutor]]:
    """Runs work in a process whose start is given; returns its executor."""
    scheduler = BackgroundScheduler()
    scheduler.start()

    def start(at_its_start: Any, work: Any, *arguments: object) -> WorkerExecutor:
        monkeypatch.setattr(worker, "start", at_its_start)
        executor = WorkerProcesses().executor(Settings(), SharedFlags())
        scheduler.add_executor(executor, "worker")
        scheduler.add_job(work, executor="worker", args=arguments, misfire_grace_time=None)
        return executor

    yield start
    scheduler.shutdown()


def test_one_that_dies_while_it_starts(run: Callable[..., WorkerExecutor]) -> None:
    executor = run(die, live)
    assert eventually(lambda: executor.has_lost_its_process)


def test_one_that_dies_in_its_drain(run: Callable[..., WorkerExecutor]) -> None:
    executor = run(live, die)
    assert eventually(lambda: executor.has_lost_its_process)


def test_one_that_can_not_be_started(
    run: Callable[..., WorkerExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: object, **_named: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor.submit", refuse)
    executor = run(live, live)
    assert eventually(lambda: executor.has_lost_its_process)


def test_one_that_ends_its_drain_is_not_lost(
    run: Callable[..., WorkerExecutor], tmp_path: Path
) -> None:
    executor = run(live, Path.touch, tmp_path / "done")
    eventually((tmp_path / "done").exists)
    assert not executor.has_lost_its_process
