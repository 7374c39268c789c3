"""A machine that falls asleep in mid-delivery, for longer than a lease: all is stopped, then goes on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine, update

from fairmind_sync.clock import utc_now
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table
from tests.providers.lab import Lab
from tests.support.processes import DaemonProcess, command, eventually, running_daemon
from tests.system.crash.outcome import RESULTS, delivered_once, let_leases_run_out, recorded
from tests.system.crash.trouble import POINTS, at_point, troubled

pytestmark = pytest.mark.both_databases


def asleep(lab: Lab, point: str, tmp_path: Path) -> dict[str, str]:
    return lab.env | troubled(signal=at_point(point, lab.provider, "worker", "STOP", tmp_path))


def fall_asleep(daemon: DaemonProcess, tmp_path: Path) -> list[psutil.Process]:
    """The worker stops by itself, at its point; then all the others."""
    eventually((tmp_path / "signalled").exists)
    daemon_process = psutil.Process(daemon.process.pid)
    sleepers = [daemon_process, *daemon_process.children(recursive=True)]
    for process in sleepers:
        process.suspend()
    return sleepers


def wake_up(sleepers: list[psutil.Process]) -> None:
    for process in sleepers:
        process.resume()


def only_one_is_due(engine: Engine) -> None:
    with writing(engine) as connection:
        later = utc_now() + timedelta(hours=1)
        connection.execute(update(outbox_table).where(outbox_table.c.id > 1).values(due_at=later))


@pytest.mark.parametrize("point", POINTS)
def test_what_it_was_about_is_one_run_when_it_has_woken_up(
    lab: Lab, point: str, tmp_path: Path
) -> None:
    with running_daemon(asleep(lab, point, tmp_path), tmp_path) as daemon:
        sleepers = fall_asleep(daemon, tmp_path)
        let_leases_run_out(lab.engine)
        wake_up(sleepers)
        eventually(lambda: len(recorded(lab)) == RESULTS)
    for _ in range(2):  # which sweeps: a create may have been under way all the time
        command("drain", env=lab.env, check=False)
    assert delivered_once(lab, "ACTIVE_ONLY")


@pytest.mark.parametrize(
    "point", ["after 'create attempted'", "after the last call, before record"]
)
def test_what_another_machine_delivered_meanwhile_stays_one_run(
    lab: Lab, point: str, tmp_path: Path
) -> None:
    """The awake one has the same database here, as two hosts have with PostgreSQL.

    There is one delivery: a thread that fell asleep while it writes another would keep SQLite's lock.
    """
    only_one_is_due(lab.engine)
    with running_daemon(asleep(lab, point, tmp_path), tmp_path) as daemon:
        sleepers = fall_asleep(daemon, tmp_path)
        let_leases_run_out(lab.engine)
        with running_daemon(lab.env | troubled(), tmp_path):
            eventually(lambda: len(recorded(lab)) == 1)
        wake_up(sleepers)
        eventually(lambda: daemon.seen("delivery.lease_lost") or daemon.seen("worker.hung"))
    command("drain", env=lab.env, check=False)  # which leaves those that aren't due
    assert delivered_once(lab, "ACTIVE_ONLY", count=1)
