"""What no grace period can prevent, found at real servers and repaired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from fairmind_sync.clock import utc_now
from fairmind_sync.outbox import unclean_attempts
from fairmind_sync.providers.mlflow.content import DELIVERY_KEY_TAG
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import attempts_table
from tests.providers.lab import Lab
from tests.providers.test_mlflow import MlflowLab
from tests.providers.test_wandb import WandbLab
from tests.standins.wandb import StandInWandb
from tests.support.diagonals import MOSTLY_A_FILE, MOSTLY_A_SERVER


@pytest.fixture
def mlflow(engine: Engine, mlflow_uri: str) -> MlflowLab:
    lab = MlflowLab(engine, mlflow_uri)
    lab.save()
    return lab


@pytest.fixture
def wandb(engine: Engine, wandb_standin: StandInWandb, tmp_path: Path) -> WandbLab:
    lab = WandbLab(engine, wandb_standin, tmp_path)
    lab.save()
    return lab


def make_unclean(lab: Lab, *, ago: timedelta = timedelta()) -> None:
    """As if the delivering attempt had not been the first one."""
    with writing(lab.engine) as connection:
        connection.execute(
            update(attempts_table).values(outcome="retry", started_at=utc_now() - ago)
        )


def unclean_long_ago(lab: Lab) -> None:
    make_unclean(lab, ago=timedelta(days=2))
    with writing(lab.engine) as connection:
        unclean_attempts.note_swept(connection, lab.provider, utc_now())


def second_run(lab: MlflowLab, key: str) -> str:
    """A run as a late create leaves it: running, with a delivery's key."""
    experiment = str(lab.records()[0].destination).rsplit(" ", 1)[-1]
    tag = {"key": DELIVERY_KEY_TAG, "value": key}
    made = lab.call("runs/create", experiment_id=experiment, tags=[tag])
    return str(made["run"]["info"]["run_id"])


def stage_of(lab: MlflowLab, run_id: str) -> tuple[str, str]:
    """Whether the run is deleted, and its status."""
    for view in ("ACTIVE_ONLY", "DELETED_ONLY"):
        for run in lab.runs(view):
            if run.id == run_id:
                return view, run.status
    raise AssertionError(run_id)


@MOSTLY_A_FILE
def test_a_second_run_of_a_delivery_is_removed(mlflow: MlflowLab) -> None:
    kept = mlflow.drain().run_id
    second = second_run(mlflow, mlflow.key())
    make_unclean(mlflow)
    mlflow.drain()
    assert stage_of(mlflow, second)[0] == "DELETED_ONLY"
    assert [run.id for run in mlflow.runs("ACTIVE_ONLY")] == [kept]


@MOSTLY_A_SERVER
def test_the_run_of_a_delivery_that_was_given_up_ends_as_failed(mlflow: MlflowLab) -> None:
    mlflow.drain()
    orphan = second_run(mlflow, mlflow.key())
    make_unclean(mlflow)
    mlflow.write(status="dead", run_id=None)
    mlflow.drain()
    assert stage_of(mlflow, orphan) == ("ACTIVE_ONLY", "FAILED")


@pytest.mark.nightly
@MOSTLY_A_FILE
def test_the_run_of_another_database_is_left_alone(mlflow: MlflowLab) -> None:
    mlflow.drain()
    others = second_run(mlflow, "f" * 32)
    make_unclean(mlflow)
    mlflow.drain()
    assert stage_of(mlflow, others) == ("ACTIVE_ONLY", "RUNNING")


@pytest.mark.nightly
@MOSTLY_A_SERVER
def test_a_run_that_its_delivery_may_still_adopt_is_left_alone(mlflow: MlflowLab) -> None:
    mlflow.drain()
    wanted = second_run(mlflow, mlflow.key())
    make_unclean(mlflow)
    later = utc_now() + timedelta(hours=1)
    mlflow.write(status="pending", finished_at=None, run_id=None, due_at=later)
    mlflow.drain()
    assert stage_of(mlflow, wanted) == ("ACTIVE_ONLY", "RUNNING")


@pytest.mark.nightly
@MOSTLY_A_FILE
@pytest.mark.parametrize(
    "make",
    [lambda _lab: None, unclean_long_ago],
    ids=["no unclean attempt", "only long before the last sweep"],
)
def test_without_a_suspect_nothing_is_asked(
    mlflow: MlflowLab, make: Callable[[MlflowLab], None]
) -> None:
    mlflow.drain()
    second = second_run(mlflow, mlflow.key())
    make(mlflow)
    mlflow.drain()
    assert stage_of(mlflow, second) == ("ACTIVE_ONLY", "RUNNING")


@MOSTLY_A_SERVER
def test_a_wandb_run_that_was_opened_again_after_its_delivery_is_finished_again(
    wandb: WandbLab,
) -> None:
    wandb.drain()
    make_unclean(wandb)
    (run,) = wandb.standin.runs.values()
    run.state = "running"
    reopened = wandb.drain().status
    delivered = wandb.drain().status
    assert (reopened, delivered, run.state, len(run.history)) == (
        "pending",
        "delivered",
        "finished",
        1,
    )


@MOSTLY_A_FILE
def test_a_wandb_run_that_somebody_deleted_is_told(wandb: WandbLab) -> None:
    wandb.drain()
    make_unclean(wandb)
    wandb.standin.store.delete(wandb.key())
    record = wandb.drain()
    assert (record.status, record.last_error_kind) == ("delivered", "run_deleted")


@MOSTLY_A_SERVER
def test_an_mlflow_run_that_somebody_deleted_is_told(mlflow: MlflowLab) -> None:
    delivered = mlflow.drain()
    make_unclean(mlflow)
    mlflow.call("runs/delete", run_id=delivered.run_id)
    record = mlflow.drain()
    assert (record.status, record.last_error_kind) == ("delivered", "run_deleted")


@MOSTLY_A_FILE
def test_of_a_project_that_is_not_shown_no_run_is_told_as_deleted(wandb: WandbLab) -> None:
    wandb.drain()
    make_unclean(wandb)
    wandb.standin.store.delete(wandb.key())
    wandb.standin.store.projects.clear()
    assert wandb.drain().last_error_kind is None


@pytest.mark.nightly
@MOSTLY_A_SERVER
def test_a_wandb_run_that_is_complete_is_not_sent_again(wandb: WandbLab) -> None:
    wandb.drain()
    make_unclean(wandb)
    upserts = wandb.standin.store.requests["upsert"]
    wandb.drain()
    assert wandb.standin.store.requests["upsert"] == upserts
