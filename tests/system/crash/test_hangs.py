"""Results that hang or kill whoever delivers them: they end, and their neighbours don't notice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.providers.lab import Lab
from tests.providers.test_mlflow import MlflowLab
from tests.support.processes import eventually, running_daemon
from tests.system.crash.trouble import troubled

pytestmark = pytest.mark.both_databases

NEIGHBOURS = 5


@pytest.fixture
def lab(engine: Engine, mlflow_uri: str) -> MlflowLab:
    """Results among which one is trouble."""
    lab = MlflowLab(engine, mlflow_uri)
    lab.env["FAIRMIND_SYNC_MAX_ATTEMPTS"] = "3"
    for number in range(NEIGHBOURS):
        if number == 1:
            lab.save(test_id="trouble")
        lab.save(test_id=f"neighbour-{number}")
    return lab


def hang(place: Path, how_long: str) -> dict[str, str]:
    return {"test_id": "trouble", "marker": str(place / "hanging"), "for": how_long}


def statuses(lab: Lab) -> dict[str, str]:
    return {record.test_id: record.status for record in lab.records()}


def ended(lab: Lab) -> bool:
    return "pending" not in statuses(lab).values()


EXPECTED = {"trouble": "dead"} | {
    f"neighbour-{number}": "delivered" for number in range(NEIGHBOURS)
}


@pytest.mark.parametrize("trouble", ["poison", "hang"])
def test_it_ends_dead_after_its_attempts_and_its_neighbours_are_delivered(
    lab: MlflowLab, tmp_path: Path, trouble: str
) -> None:
    order = {"poison": "trouble", "hang": hang(tmp_path, "too long")}[trouble]
    with running_daemon(lab.env | troubled(**{trouble: order}), tmp_path):
        eventually(lambda: ended(lab))
    kinds = {record.last_error_kind for record in lab.records() if record.status == "dead"}
    assert (statuses(lab), kinds, len(lab.runs())) == (EXPECTED, {"worker_died"}, NEIGHBOURS)


def test_a_daemon_whose_worker_hangs_ends_in_time(lab: MlflowLab, tmp_path: Path) -> None:
    env = (
        lab.env
        | troubled(times={}, hang=hang(tmp_path, "ever"))
        | {"FAIRMIND_SYNC_SHUTDOWN_SECONDS": "1"}
    )
    with running_daemon(env, tmp_path) as daemon:
        eventually((tmp_path / "hanging").exists)
        asked = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - asked < 40
    assert daemon.seen("worker.killed")
