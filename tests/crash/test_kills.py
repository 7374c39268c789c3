"""The crash matrix: whoever is killed at whichever step, each result ends as one complete, recorded run."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.crash.trouble import troubled
from tests.processes import eventually, running_daemon
from tests.providers.lab import Lab
from tests.providers.test_mlflow import MlflowLab
from tests.providers.test_wandb import WandbLab
from tests.standins.wandb import StandInWandb

RESULTS = 3
POINTS = (
    "after claim",
    "after 'create attempted'",
    "after create, before its id is stored",
    "in the middle of a batch",
    "after the last call, before record",
    "during record",
)


@pytest.fixture(params=["mlflow", "wandb"])
def lab(request: pytest.FixtureRequest, engine: Engine, mlflow_uri: str, tmp_path: Path) -> Lab:
    """A provider with three results that wait for it."""
    if request.param == "mlflow":
        lab: Lab = MlflowLab(engine, mlflow_uri)
    else:
        standin: StandInWandb = request.getfixturevalue("wandb_standin")
        lab = WandbLab(engine, standin, tmp_path)
    for number in range(RESULTS):
        lab.save(results={"accuracy": number / 7, "groups": {"a": number, "b": 2}})
    return lab


def held(lab: Lab) -> list[tuple[str, str, int]]:
    """Each run's id, its state, and how many values or rows it holds."""
    if isinstance(lab, MlflowLab):
        return sorted((run.id, run.status, len(run.metrics)) for run in lab.runs())
    assert isinstance(lab, WandbLab)
    return sorted((run.id, run.state, len(run.history)) for run in lab.standin.runs.values())


def recorded(lab: Lab) -> list[str]:
    """The run ids of what is recorded as delivered."""
    return sorted(str(one.run_id) for one in lab.records() if one.status == "delivered")


def delivered_once(lab: Lab) -> bool:
    """Waits until all is recorded; each result is one complete run then, and no other run exists."""
    eventually(lambda: len(recorded(lab)) == RESULTS, 60)
    complete = ("FINISHED", 3) if isinstance(lab, MlflowLab) else ("finished", 1)
    return held(lab) == [(run_id, *complete) for run_id in recorded(lab)]


def kill_order(lab: Lab, point: str, victim: str, tmp_path: Path) -> dict[str, str]:
    marker = str(tmp_path / "killed")
    order = {"point": point, "victim": victim, "provider": lab.provider, "marker": marker}
    return lab.env | troubled(kill=order)


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
