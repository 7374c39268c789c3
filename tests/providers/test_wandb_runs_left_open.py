"""What a sweep makes of one open run that W&B doesn't let end: the real SDK against the stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from fairmind_sync.clock import utc_now
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import attempts_table, results_table
from tests.providers.test_wandb import WandbLab
from tests.standins.wandb import Fault, StandInWandb


@pytest.fixture
def lab(engine: Engine, wandb_standin: StandInWandb, tmp_path: Path) -> WandbLab:
    """A run that a late request has opened again, of a result of which nothing can be sent any more."""
    lab = WandbLab(engine, wandb_standin, tmp_path)
    lab.save()
    lab.drain()
    with writing(engine) as connection:
        connection.execute(update(attempts_table).values(outcome="retry"))
        connection.execute(update(results_table).values(deleted_at=utc_now(), erased_at=utc_now()))
    (run,) = wandb_standin.runs.values()
    run.state = "running"
    return lab


def states(lab: WandbLab) -> tuple[list[str], str]:
    """Of runs and of W&B."""
    return [run.state for run in lab.standin.runs.values()], lab.state().state


def test_an_open_run_is_ended(lab: WandbLab) -> None:
    lab.drain()
    assert states(lab) == (["finished"], "ready")


def test_a_run_that_w_and_b_refuses_alone_leaves_w_and_b_ready(lab: WandbLab) -> None:
    lab.standin.faults.replace([Fault("upsert", "graphql_error", times=1)])
    lab.drain()
    assert states(lab) == (["running"], "ready")
