"""A machine that falls asleep in mid-delivery, for longer than a lease: all is stopped, then goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine, select, update

from fairmind_sync.clock import utc_now
from fairmind_sync.storage.engine import current_time, reading, writing
from fairmind_sync.storage.tables import outbox_table
from tests.providers.lab import Lab
from tests.support.processes import DaemonProcess, command, eventually, running_daemon
from tests.system.crash.outcome import RESULTS, delivered_once, recorded
from tests.system.crash.trouble import POINTS, SOON, at_point, troubled

pytestmark = pytest.mark.both_databases


SHORT_LEASE = SOON | {"fairmind_sync.relay.loop:LEASE": 3}
"""Only the lease: there is no other worker that could claim what a slow one still holds."""


def asleep(lab: Lab, point: str, tmp_path: Path) -> dict[str, str]:
    signal = at_point(point, lab.provider, "worker", "STOP", tmp_path)
    return lab.env | troubled(times=SHORT_LEASE, signal=signal)


@contextmanager
def machine_asleep(daemon: DaemonProcess, lab: Lab, tmp_path: Path) -> Iterator[None]:
    """For longer than the leases. The worker stops by itself, at its point; then all the others.

    A worker that was stopped before it had stopped itself would do that once it has woken up, for ever.
    """
    eventually((tmp_path / "signalled").exists)
    daemon_process = psutil.Process(daemon.process.pid)
    eventually(lambda: any(map(_is_stopped, daemon_process.children(recursive=True))))
    sleepers = [daemon_process, *daemon_process.children(recursive=True)]
    for process in sleepers:
        process.suspend()
    try:
        eventually(lambda: leases_have_run_out(lab.engine))
        yield
    finally:
        for process in sleepers:
            process.resume()


def _is_stopped(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def leases_have_run_out(engine: Engine) -> bool:
    """Looked for, not written: who is asleep in a transaction keeps SQLite's lock."""
    held = outbox_table.c.lease_expires_at > current_time(engine)
    with reading(engine) as connection:
        return connection.execute(select(outbox_table.c.id).where(held)).first() is None


def only_one_is_due(engine: Engine) -> None:
    with writing(engine) as connection:
        later = utc_now() + timedelta(hours=1)
        connection.execute(update(outbox_table).where(outbox_table.c.id > 1).values(due_at=later))


@pytest.mark.parametrize("point", POINTS)
def test_what_it_was_about_is_one_run_when_it_has_woken_up(
    lab: Lab, point: str, tmp_path: Path
) -> None:
    with running_daemon(asleep(lab, point, tmp_path), tmp_path) as daemon:
        with machine_asleep(daemon, lab, tmp_path):
            pass
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
        with (
            machine_asleep(daemon, lab, tmp_path),
            running_daemon(lab.env | troubled(), tmp_path),
        ):
            eventually(lambda: len(recorded(lab)) == 1)
        eventually(lambda: daemon.seen("delivery.lease_lost") or daemon.seen("worker.hung"))
    command("drain", env=lab.env, check=False)  # which leaves those that aren't due
    assert delivered_once(lab, "ACTIVE_ONLY", count=1)
