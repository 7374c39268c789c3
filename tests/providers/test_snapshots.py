"""The whole of what arrives of typical results: as committed, as promised, and as the services hold it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.providers.lab import Lab
from tests.providers.snapshots import (
    arrived_at_mlflow,
    arrived_at_wandb,
    path_of,
    promised,
    text_of,
)
from tests.providers.test_mlflow import MlflowLab
from tests.providers.test_wandb import WandbLab
from tests.providers.typical_results import TYPICAL, typical_result
from tests.standins.wandb import StandInWandb
from tests.support.deliveries import save_with

PROVIDERS = ["mlflow", "wandb"]


def committed(provider: str) -> dict[str, str]:
    return {name: path_of(provider, name).read_text(encoding="ascii") for name in TYPICAL}


def drain_all(lab: Lab) -> None:
    save_with(lab.settings, [typical_result(name) for name in TYPICAL])
    lab.drain()
    assert {record.status for record in lab.records()} == {"delivered"}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", TYPICAL)
def test_what_is_promised_is_what_is_committed(provider: str, name: str) -> None:
    found = path_of(provider, name).read_text(encoding="ascii")
    assert text_of(promised(provider, typical_result(name))) == found


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_snapshot_is_of_a_typical_result(provider: str) -> None:
    files = path_of(provider, "any").parent.glob("*.json")
    assert sorted(file.stem for file in files) == sorted(TYPICAL)


def test_what_arrives_at_a_real_mlflow_server_is_what_is_committed(
    engine: Engine, mlflow_uri: str
) -> None:
    lab = MlflowLab(engine, mlflow_uri)
    drain_all(lab)
    held = arrived_at_mlflow(mlflow_uri, lab.experiment)
    arrived = {name: text_of(held[typical_result(name).test_id]) for name in TYPICAL}
    assert arrived == committed("mlflow")


def test_what_arrives_through_the_real_sdk_at_wandb_is_what_is_committed(
    engine: Engine, wandb_standin: StandInWandb, tmp_path: Path
) -> None:
    lab = WandbLab(engine, wandb_standin, tmp_path)
    drain_all(lab)
    held = {run.config["test_id"]: arrived_at_wandb(run) for run in wandb_standin.runs.values()}
    arrived = {name: text_of(held[typical_result(name).test_id]) for name in TYPICAL}
    assert arrived == committed("wandb")
