"""W&B's own variables: those of the connection count, an opt-out is obeyed, none shapes a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.providers.test_wandb import WandbLab
from tests.standins.wandb import StandInWandb

OF_SOMEBODY_ELSE = {
    "WANDB_SWEEP_ID": "sweep-1",
    "WANDB_RUN_ID": "run-1",
    "WANDB_RESUME": "never",
    "WANDB_RUN_GROUP": "a group",
    "WANDB_JOB_TYPE": "a job",
    "WANDB_NAME": "a name",
    "WANDB_NOTES": "notes",
    "WANDB_TAGS": "theirs",
}
OFF = [
    ("WANDB_MODE", "offline"),
    ("WANDB_MODE", "disabled"),
    ("WANDB_MODE", " Offline"),
    ("WANDB_MODE", "dryrun"),
    ("WANDB_DISABLED", "true"),
    ("WANDB_DISABLED", "1"),
]


@pytest.fixture
def lab(engine: Engine, wandb_standin: StandInWandb, tmp_path: Path) -> WandbLab:
    lab = WandbLab(engine, wandb_standin, tmp_path)
    lab.save()
    return lab


def test_no_variable_of_somebody_else_shapes_a_run(lab: WandbLab) -> None:
    record = lab.drain(**OF_SOMEBODY_ELSE)
    (run,) = lab.standin.runs.values()
    assert (record.status, record.run_id) == ("delivered", lab.key())
    assert "theirs" not in run.tags
    assert run.display_name != "a name"


@pytest.mark.parametrize(("variable", "value"), OFF)
def test_an_opt_out_is_obeyed_and_told(lab: WandbLab, variable: str, value: str) -> None:
    record = lab.drain(**{variable: value})
    state = lab.state()
    assert (record.status, record.attempts, state.state) == ("pending", 0, "blocked")
    assert f"switched off by {variable}={value.strip()}" in str(state.reason)
    assert lab.standin.runs == {}


@pytest.mark.parametrize(("variable", "value"), [("WANDB_MODE", "online"), ("WANDB_DISABLED", "")])
def test_what_switches_nothing_off_holds_nothing_back(
    lab: WandbLab, variable: str, value: str
) -> None:
    assert lab.drain(**{variable: value}).status == "delivered"
