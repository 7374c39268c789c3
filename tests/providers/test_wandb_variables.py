"""W&B's own variables: those of the connection count, an opt-out is obeyed, none shapes a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.providers.test_wandb import WandbLab
from tests.standins.wandb import StandInRun, StandInWandb
from tests.support.diagonals import one_of

OF_SOMEBODY_ELSE = {
    "WANDB_SWEEP_ID": "sweep-1",
    "WANDB_SWEEP_PARAM_PATH": "theirs.yaml",
    "WANDB_RUN_ID": "run-1",
    "WANDB_RESUME": "never",
    "WANDB_RESUME_FROM": "run-1?_step=1",
    "WANDB_FORK_FROM": "run-1?_step=1",
    "WANDB_RUN_GROUP": "a group",
    "WANDB_JOB_TYPE": "a job",
    "WANDB_NAME": "a name",
    "WANDB_NOTES": "notes",
    "WANDB_TAGS": "theirs",
    "WANDB_CONFIG_PATHS": "theirs.yaml",
    "WANDB_LAUNCH": "true",
    "WANDB_LAUNCH_CONFIG_PATH": "launch.json",
    "WANDB_CONFIG": '{"theirs": 1}',
}
FILES = {
    "theirs.yaml": "theirs:\n  value: 1\n",
    "config-defaults.yaml": "theirs:\n  value: 1\n",
    "launch.json": '{"overrides": {"run_config": {"theirs": 1}}, "theirs": 1}',
    "wandb/settings": "[default]\nrun_group = theirs\nrun_tags = theirs\nrun_notes = theirs\n",
}
SHAPES = [
    ({"group": "theirs"}, "group 'theirs'"),
    ({"job_type": "theirs"}, "job type 'theirs'"),
    ({"sweep": "theirs"}, "sweep 'theirs'"),
    ({"config": {"theirs": 1, "also": 2}}, "config 'also', config 'theirs'"),
]
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


def _each(variables: dict[str, str]) -> list[dict[str, str]]:
    return [{name: value} for name, value in variables.items()]


@pytest.mark.parametrize("given", [OF_SOMEBODY_ELSE, *one_of(_each(OF_SOMEBODY_ELSE))], ids=list)
def test_nothing_of_somebody_else_shapes_a_run(lab: WandbLab, given: dict[str, str]) -> None:
    for name, text in FILES.items():
        file = Path(name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    record = lab.drain(**given)
    (run,) = lab.standin.runs.values()
    assert (record.status, record.run_id) == ("delivered", lab.key())
    assert str(run.notes).startswith("Bias test")
    assert shape(run) == {
        "name": f"{run.config['model_id']} - {run.config['test_type']} - {run.config['test_id']}",
        "group": "model-1",
        "job type": "ml_bias",
        "sweep": None,
        "tags": ["ml_bias", "model-1", "fairmind-bias-detection"],
        "config": ["dataset_id", "model_id", "model_type", "test_id", "test_type", "user_id"],
    }


def shape(run: StandInRun) -> dict[str, object]:
    return {
        "name": run.display_name,
        "group": run.group,
        "job type": run.job_type,
        "sweep": run.sweep,
        "tags": run.tags,
        "config": sorted(run.config),
    }


@pytest.mark.parametrize(("shapes", "words"), SHAPES)
def test_what_shapes_a_run_all_the_same_is_noticed_and_costs_no_attempt(
    lab: WandbLab, shapes: dict[str, object], words: str
) -> None:
    lab.standin.store.shapes = shapes
    record = lab.drain()
    state = lab.state()
    assert (record.status, record.attempts, state.state) == ("pending", 0, "blocked")
    assert f"W&B shows one with {words}, which we didn't send" in str(state.reason)
    lab.standin.store.shapes = {}
    assert lab.drain().status == "delivered"


def test_what_users_add_to_a_run_is_no_fault(lab: WandbLab) -> None:
    lab.standin.store.shapes = {"notes": "mine", "tags": ["ml_bias", "mine"]}
    assert lab.drain().status == "delivered"


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
