"""A real daemon process: how it starts, wakes up and ends."""

from __future__ import annotations

import itertools
import json
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import httpx2
import psutil
import pytest
from sqlalchemy import Engine, select

from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import attempts_table, outbox_table
from tests.support import deliveries
from tests.support.processes import DaemonProcess, command, eventually, running_daemon, workers_of

RESULT = {"model_id": "m", "test_type": "ml_bias", "results": {"accuracy": 0.85}}

HIDE_WANDB = """
import importlib.util

found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "wandb" else found(name, *rest)
"""


@pytest.fixture
def env(database_url: str, mlflow_uri: str) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "FAIRMIND_SYNC_DATABASE_URL": database_url,
    }


@pytest.fixture
def daemon(env: dict[str, str], tmp_path: Path) -> Iterator[DaemonProcess]:
    with running_daemon(env, tmp_path) as daemon:
        yield daemon


def save(env: dict[str, str], *test_ids: str) -> None:
    results = "\n".join(json.dumps(RESULT | {"test_id": test_id}) for test_id in test_ids)
    command("save", "-", env=env, stdin=results)


def workers(daemon: DaemonProcess) -> list[psutil.Process]:
    return workers_of(daemon.process.pid)


def pending(engine: Engine) -> int:
    with reading(engine) as connection:
        return len(
            connection.execute(select(outbox_table).where(outbox_table.c.status == "pending")).all()
        )


def test_with_a_port_of_kubernetes_all_is_delivered_and_the_api_is_not_served(
    env: dict[str, str], tmp_path: Path
) -> None:
    wrong = env | {"FAIRMIND_SYNC_API_PORT": "tcp://10.0.0.1:8000"}
    with running_daemon(wrong, tmp_path) as daemon:
        assert "enableServiceLinks" in daemon.event("api.not_served")["reason"]
        assert daemon.event("daemon.ready")["url"] is None
        save(wrong, "test-1")
        daemon.event("delivery.delivered")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_daemon_cleanly(daemon: DaemonProcess, number: signal.Signals) -> None:
    code = daemon.stop(number)
    assert (code, [event["event"] for event in daemon.events[-1:]]) == (0, ["daemon.stopped"])


def test_a_daemon_under_nohup_outlives_its_terminal(env: dict[str, str], tmp_path: Path) -> None:
    with running_daemon(env, tmp_path, ["nohup"]) as daemon:
        daemon.process.send_signal(signal.SIGHUP)
        save(env, "t1")
        daemon.event("delivery.delivered")


def test_a_daemon_with_nothing_due_starts_no_worker(daemon: DaemonProcess) -> None:
    httpx2.get(f"{daemon.url}/api/v1/mlops/status", timeout=240).raise_for_status()
    assert workers(daemon) == []


def test_the_end_of_the_daemon_is_the_end_of_its_workers(
    daemon: DaemonProcess, env: dict[str, str]
) -> None:
    save(env, "t1")
    daemon.event("delivery.delivered")
    started = workers(daemon)
    daemon.stop()
    assert [worker for worker in started if worker.is_running()] == []


def test_a_killed_daemon_leaves_no_worker_behind(
    daemon: DaemonProcess, env: dict[str, str]
) -> None:
    save(env, "t1")
    daemon.event("delivery.delivered")
    started = workers(daemon)
    daemon.stop(signal.SIGKILL)
    assert eventually(lambda: not any(worker.is_running() for worker in started))


@pytest.mark.both_databases
def test_a_commit_by_another_process_is_noticed_within_250_ms(
    env: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    """As far as the machine has time: one of them at last."""
    numbers = itertools.count(1)

    def wait() -> timedelta:
        saved = deliveries.save(
            engine, "mlflow", test_id=f"t{next(numbers)}", now=datetime.now(UTC)
        )
        committed_at = datetime.now(UTC)  # the commit itself takes as long as the disk does
        eventually(lambda: pending(engine) == 0)
        return attempted_at(engine, saved.result_id) - committed_at

    with running_daemon(env | {"FAIRMIND_SYNC_POLL_SECONDS": "3600"}, tmp_path):
        eventually(lambda: wait() < timedelta(milliseconds=250))


def attempted_at(engine: Engine, result_id: int) -> datetime:
    """When the attempt began that delivered a result."""
    begun = select(attempts_table.c.started_at).join_from(attempts_table, outbox_table)
    with reading(engine) as connection:
        found = connection.execute(begun.where(outbox_table.c.result_id == result_id))
        return cast("datetime", found.scalar_one())


def test_an_idle_worker_is_ended(env: dict[str, str], tmp_path: Path) -> None:
    with running_daemon(env | {"FAIRMIND_SYNC_WORKER_IDLE_SECONDS": "1"}, tmp_path) as daemon:
        save(env, "t1")
        daemon.event("delivery.delivered")
        assert eventually(lambda: workers(daemon) == [])


def test_an_idle_worker_is_ended_while_its_provider_is_away(
    env: dict[str, str], tmp_path: Path, silent_port: int
) -> None:
    away = {
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{silent_port}",
        "FAIRMIND_SYNC_WORKER_IDLE_SECONDS": "1",
    }
    with running_daemon(env | away, tmp_path) as daemon:
        save(env, "t1")
        daemon.event("provider.offline")
        assert eventually(lambda: workers(daemon) == [])


def test_an_ended_worker_is_replaced_when_there_is_work(
    env: dict[str, str], tmp_path: Path, engine: Engine
) -> None:
    with running_daemon(env, tmp_path) as daemon:
        save(env, "t1")
        daemon.event("delivery.delivered")
        for worker in workers(daemon):
            worker.kill()
        save(env, "t2")
        assert eventually(lambda: pending(engine) == 0)


def test_a_provider_that_is_not_installed_is_named_once_with_the_pip_command(
    env: dict[str, str], tmp_path: Path, engine: Engine
) -> None:
    (tmp_path / "sitecustomize.py").write_text(HIDE_WANDB)
    hidden = env | {"MLOPS_PROVIDER": "both", "PYTHONPATH": str(tmp_path)}
    with running_daemon(hidden, tmp_path) as daemon:
        save(hidden, "t1")
        blocked = daemon.event("provider.blocked")
        eventually(lambda: pending(engine) == 1)
        assert "pip install 'fairmind-sync[wandb]'" in blocked["reason"]
        assert len(daemon.seen("provider.blocked")) == 1


def test_an_address_in_use_is_refused_with_the_variable_to_set(env: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = command("run", env=env | {"FAIRMIND_SYNC_API_PORT": port}, check=False)
    assert (refused.returncode, "FAIRMIND_SYNC_API_PORT" in refused.stderr) == (1, True)


def test_the_heartbeat_is_gone_after_a_clean_end(
    daemon: DaemonProcess, env: dict[str, str]
) -> None:
    alive = json.loads(command("status", "--json", env=env).stdout)["daemon_alive"]
    daemon.stop()
    after = json.loads(command("status", "--json", env=env).stdout)["daemon_alive"]
    assert (alive, after) == (True, False)


def test_dotenv_in_the_working_directory_is_read(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MLOPS_PROVIDER=both\n")
    with running_daemon({k: v for k, v in env.items() if k != "MLOPS_PROVIDER"}, tmp_path) as it:
        status = httpx2.get(f"{it.url}/api/v1/mlops/status", timeout=240).json()["status"]
    assert status["provider"] == "both"
