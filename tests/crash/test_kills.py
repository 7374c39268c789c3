"""The crash matrix: whoever is killed at whichever step, each result ends as one complete, recorded run."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.crash.outcome import delivered_once
from tests.crash.trouble import POINTS, at_point, troubled
from tests.processes import running_daemon
from tests.providers.lab import Lab


def kill_order(lab: Lab, point: str, victim: str, tmp_path: Path) -> dict[str, str]:
    return lab.env | troubled(signal=at_point(point, lab.provider, victim, "KILL", tmp_path))


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_worker(lab: Lab, point: str, tmp_path: Path) -> None:
    with running_daemon(kill_order(lab, point, "worker", tmp_path), tmp_path) as daemon:
        daemon.event("worker.lost")
        assert delivered_once(lab)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_daemon(lab: Lab, point: str, tmp_path: Path) -> None:
    env = kill_order(lab, point, "daemon", tmp_path)
    with running_daemon(env, tmp_path) as daemon:
        assert daemon.process.wait(60) == -signal.SIGKILL
    with running_daemon(env, tmp_path):
        assert delivered_once(lab)
