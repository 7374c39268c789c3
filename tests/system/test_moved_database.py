"""A database that is moved away or replaced under a running daemon."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support.processes import DaemonProcess, eventually, running_daemon

RESULT = {"test_id": "t", "model_id": "m", "test_type": "ml_bias", "results": {"accuracy": 0.85}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "database" / "results.db"


@pytest.fixture
def env(file: Path, silent_port: int) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{silent_port}",
        "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{file}",
    }


def move_away(file: Path) -> None:
    file.parent.rename(file.parent.with_name("elsewhere"))


def restore_a_backup(file: Path) -> None:
    backup = shutil.copy(file, file.with_name("backup"))
    Path(backup).rename(file)


def statuses(daemon: DaemonProcess) -> tuple[int, int]:
    """What `/readyz` and a save answer."""
    ready = httpx.get(f"{daemon.url}/readyz", timeout=240)
    saved = httpx.post(f"{daemon.url}/api/v1/mlops/log-test", json=RESULT, timeout=240)
    return ready.status_code, saved.status_code


@pytest.mark.parametrize("mishap", [move_away, restore_a_backup], ids=lambda each: each.__name__)
def test_a_daemon_whose_database_is_gone_saves_nothing_and_says_so(
    env: dict[str, str], file: Path, tmp_path: Path, mishap: Callable[[Path], None]
) -> None:
    with running_daemon(env, tmp_path) as daemon:
        mishap(file)
        assert statuses(daemon) == (503, 503)
        told = eventually(lambda: daemon.seen("timer.failed"))
        assert "isn't the file that this program has open" in told[0]["reason"]
        assert file.exists() is (mishap is restore_a_backup)


def test_a_daemon_whose_database_comes_back_goes_on(
    env: dict[str, str], file: Path, tmp_path: Path
) -> None:
    with running_daemon(env, tmp_path) as daemon:
        move_away(file)
        assert statuses(daemon) == (503, 503)
        file.parent.with_name("elsewhere").rename(file.parent)
        eventually(lambda: statuses(daemon)[0] == 200)
