"""The crash matrix: whoever is killed at whichever step, each result ends as one complete, recorded run."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import attempts_table, outbox_table
from tests.providers.lab import Lab
from tests.support.processes import PATIENCE_S, eventually, running_daemon
from tests.system.crash.outcome import RESULTS, delivered_once, let_leases_run_out, recorded
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
        assert daemon.process.wait(PATIENCE_S) == -signal.SIGKILL
    let_leases_run_out(lab.engine)
    with running_daemon(env, tmp_path):
        assert delivered_once(lab)


@pytest.mark.nightly
def test_what_a_killed_daemon_held_is_delivered_by_another_once_a_minute_has_passed(
    lab: Lab, tmp_path: Path
) -> None:
    kill = at_point("after claim", lab.provider, "daemon", "KILL", tmp_path)
    env = lab.env | troubled(times={}, signal=kill)
    with running_daemon(env, tmp_path) as daemon:
        assert daemon.process.wait(PATIENCE_S) == -signal.SIGKILL
    with running_daemon(env | {"FAIRMIND_SYNC_WORKER_IDLE_SECONDS": "600"}, tmp_path) as other:
        lab.save()
        other.event("delivery.delivered")  # what was saved now, beside what is still held
        assert held_for(lab.engine) <= timedelta(minutes=1)
        let_leases_run_out(lab.engine)
        assert eventually(lambda: len(recorded(lab)) == RESULTS + 1)


def held_for(engine: Engine) -> timedelta:
    """How long the last lease lasts from its claim."""
    started_at = attempts_table.c.started_at
    with reading(engine) as connection:
        ends = connection.execute(select(func.max(outbox_table.c.lease_expires_at))).scalar_one()
        begins = connection.execute(select(func.min(started_at))).scalar_one()
    return timedelta(seconds=(ends - begins).total_seconds())
