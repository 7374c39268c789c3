"""A test run that is killed: its server, its daemon and its directories go all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.conftest import CHECKOUT
from tests.support.broom import MARK
from tests.support.processes import eventually

ENDLESS = """
import sys
import time

from tests.support.processes import running_daemon


def test_endless(tmp_path, SERVER):
    with running_daemon({"MLOPS_PROVIDER": "none"}, tmp_path):
        print("begun", file=sys.__stderr__, flush=True)
        time.sleep(3600)
"""


def started_by(run: int) -> list[psutil.Process]:
    """Whatever bears the run's mark, or once did: the server's sessions have overwritten theirs."""
    return [process for process in psutil.process_iter() if mark_of(process).startswith(f"{run}-")]


def mark_of(process: psutil.Process) -> str:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return str(process.environ().get(MARK, ""))
    except (psutil.Error, OSError):
        return ""


def directories_of(run: int) -> list[Path]:
    places = (Path(tempfile.gettempdir()), Path("/dev/shm"))  # noqa: S108 only looked into
    return [found for place in places for found in place.glob(f"fairmind-tests-{run}-*")]


@pytest.mark.nightly
@pytest.mark.parametrize("server", ["postgres", "mlflow_uri"])
def test_nothing_of_a_killed_run_is_left(tmp_path: Path, server: str) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    (tmp_path / "test_endless.py").write_text(ENDLESS.replace("SERVER", server))
    options = [
        "-c",
        str(CHECKOUT / "pyproject.toml"),
        "--rootdir",
        str(tmp_path),
        "-s",
        "-m",
        "",
        "-n0",
    ]
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, str(tmp_path / "test_endless.py")],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        | {"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with run:
        assert run.stdout is not None
        lines: list[str] = []
        for line in run.stdout:
            lines.append(line)
            if "begun" in line:
                break
        begun = len(started_by(run.pid)) > 1, len(directories_of(run.pid)) > 1
        run.kill()
    assert begun == (True, True), lines
    eventually(lambda: started_by(run.pid) == [] and directories_of(run.pid) == [])
