"""A drain's worker processes: how many there are, what each does, and how each ends.

Each test's drain is run in a forked process, which has no threads, as the command line has none.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync import logs
from fairmind_sync.errors import StorageError
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.relay import drain_processes, worker, worker_count
from fairmind_sync.settings import Settings
from fairmind_sync.storage import schema
from tests.support.deliveries import save
from tests.support.forked import Forked
from tests.support.processes import PATIENCE_S

ALL_OF_IT = "and_evidence and_sweep probe_now"


def told(drain: Callable[..., None], settings: Settings, most_seconds: float | None) -> None:
    """Runs the processes, each of which does `drain` in the place of a worker's; prints how that ended."""
    worker.drain = drain
    worker_count.LARGE_BACKLOG = 1
    logs.configure(settings)
    engine = schema.ready_engine(settings.database_url)
    try:
        drain_processes.run(engine, settings, PROVIDERS, lambda: None, most_seconds)
    except StorageError as error:
        write(f"raised {error}")
    with engine.connect():
        write("done")


def write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@pytest.fixture
def ended(tmp_path: Path, configured: Settings) -> Callable[..., list[str]]:
    def ended(
        drain: Callable[..., None], most_seconds: float | None = None, **changes: Any
    ) -> list[str]:
        """The lines that all processes printed and logged."""
        settings = configured.model_copy(update={"log_format": "json", **changes})
        file = tmp_path / "lines"
        with file.open("w+b") as lines, Path(os.devnull).open("rb") as nothing:
            streams = [nothing.fileno(), lines.fileno(), lines.fileno()]
            process = Forked(
                told, drain, settings, most_seconds, env=os.environ, cwd=tmp_path, streams=streams
            )
            assert process.wait(PATIENCE_S) == 0
        return sorted(file.read_text().splitlines())

    return ended


def say(name: str, _settings: Settings, **options: bool) -> None:
    write(f"{name}: {' '.join(sorted(one for one, is_on in options.items() if is_on))}")


def end_early(*_given: object, **_options: object) -> None:
    os._exit(9)


def fail(*_given: object, **_options: object) -> None:
    raise StorageError("the disk is full")


def go_on_until_told(*_given: object, **_options: object) -> None:
    while not worker._watchdog.should_stop():
        time.sleep(0.01)


def hang(*_given: object, **_options: object) -> None:
    time.sleep(100_000)


def test_each_provider_gets_a_process_that_probes_and_sweeps(
    ended: Callable[..., list[str]],
) -> None:
    assert ended(say) == ["done", f"mlflow: {ALL_OF_IT}", f"wandb: {ALL_OF_IT}"]


def test_no_evidence_is_added_where_none_is_wanted(ended: Callable[..., list[str]]) -> None:
    lines = ended(say, evidence="none")
    assert lines == ["done", "mlflow: and_sweep probe_now", "wandb: and_sweep probe_now"]


def test_a_large_backlog_gets_a_second_process_that_neither_probes_nor_sweeps(
    engine: Engine, ended: Callable[..., list[str]]
) -> None:
    save(engine, "wandb")
    assert ended(say) == ["done", f"mlflow: {ALL_OF_IT}", "wandb: ", f"wandb: {ALL_OF_IT}"]


def test_a_process_that_ended_early_is_told(ended: Callable[..., list[str]]) -> None:
    lines = ended(end_early)
    assert [line.count("worker.failed") for line in lines] == [0, 1, 1]


def test_what_ended_a_drain_is_raised(ended: Callable[..., list[str]]) -> None:
    assert ended(fail) == ["done", "raised the disk is full"]


def test_after_the_time_processes_finish_what_they_have_begun(
    ended: Callable[..., list[str]],
) -> None:
    assert ended(go_on_until_told, most_seconds=0.01) == ["done"]


def test_a_process_that_does_not_finish_is_killed_after_the_grace_period(
    ended: Callable[..., list[str]],
) -> None:
    lines = ended(hang, most_seconds=0.01, shutdown_seconds=0.01)
    assert sum("worker.killed" in line for line in lines) == len(PROVIDERS)
