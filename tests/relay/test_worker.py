"""What ends a worker process, and what it shares with its parent."""

from __future__ import annotations

import multiprocessing
import os
import time
from datetime import timedelta

import psutil
import pytest

from fairmind_sync.relay import worker
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.relay.watchdog import HUNG
from fairmind_sync.settings import Settings
from tests.support.diagonals import MOSTLY_A_FILE, MOSTLY_A_SERVER
from tests.support.processes import PATIENCE_S, eventually

SPAWN = multiprocessing.get_context("spawn")


def hang(settings: Settings, wires: SharedFlags) -> None:
    """A batch whose deadline has passed."""
    worker.start(settings, wires)
    worker._watchdog.watch(timedelta(seconds=-1))
    time.sleep(2 * PATIENCE_S)


def wait_for_stop(settings: Settings, wires: SharedFlags) -> None:
    worker.start(settings, wires)
    while not worker._watchdog.should_stop():
        time.sleep(0.01)


def start_child_and_die(settings: Settings, wires: SharedFlags) -> None:
    """A daemon that is killed: its worker learns it from nobody but the system."""
    SPAWN.Process(target=wait_for_stop, args=(settings, wires)).start()
    eventually(lambda: wires.pid.value)
    os._exit(0)


@MOSTLY_A_SERVER
def test_a_batch_that_outlives_its_deadline_ends_the_process(configured: Settings) -> None:
    process = SPAWN.Process(target=hang, args=(configured, SharedFlags()))
    process.start()
    process.join(PATIENCE_S)
    assert process.exitcode == HUNG


@MOSTLY_A_FILE
def test_a_worker_stops_when_it_is_asked_to(configured: Settings) -> None:
    wires = SharedFlags()
    process = SPAWN.Process(target=wait_for_stop, args=(configured, wires))
    process.start()
    wires.stop.value = True
    process.join(PATIENCE_S)
    assert process.exitcode == 0


@MOSTLY_A_SERVER
def test_a_worker_tells_its_process_id(configured: Settings) -> None:
    wires = SharedFlags()
    process = SPAWN.Process(target=wait_for_stop, args=(configured, wires))
    process.start()
    told = eventually(lambda: wires.pid.value)
    wires.stop.value = True
    process.join(PATIENCE_S)
    assert told == process.pid


@MOSTLY_A_FILE
def test_a_worker_ends_when_its_parent_died(configured: Settings) -> None:
    wires = SharedFlags()
    parent = SPAWN.Process(target=start_child_and_die, args=(configured, wires))
    parent.start()
    parent.join(PATIENCE_S)
    assert eventually(lambda: not psutil.pid_exists(wires.pid.value))


@pytest.mark.parametrize("wire", ["stop", "pid"])
def test_a_killed_worker_can_keep_no_lock_from_the_next(wire: str) -> None:
    """It did: one that was killed while it asked whether to stop blocked every later one."""
    assert not hasattr(getattr(SharedFlags(), wire), "get_lock")
