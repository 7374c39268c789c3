"""The crash matrix: whoever is killed at whichever step, each result ends as one complete, recorded run."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.providers.lab import Lab
from tests.support.processes import eventually, running_daemon
from tests.system.crash.outcome import RESULTS, delivered_once, recorded
from tests.system.crash.trouble import POINTS, at_point, troubled

pytestmark = pytest.mark.both_databases


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


def test_what_a_killed_daemon_held_is_delivered_by_another_within_a_minute(
    lab: Lab, tmp_path: Path
) -> None:
    """With the leases of real life, where the other tests shorten them."""
    kill = at_point("after claim", lab.provider, "daemon", "KILL", tmp_path)
    env = lab.env | troubled(times={}, signal=kill)
    with running_daemon(env, tmp_path) as daemon:
        assert daemon.process.wait(60) == -signal.SIGKILL
    with running_daemon(env | {"FAIRMIND_SYNC_WORKER_IDLE_SECONDS": "120"}, tmp_path) as other:
        lab.save()
        other.event("delivery.delivered")  # its worker is at work: what is waited for is the leases
        assert eventually(lambda: len(recorded(lab)) == RESULTS + 1, 60)
