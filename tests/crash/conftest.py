from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.crash.outcome import save_results
from tests.providers.lab import Lab
from tests.providers.test_mlflow import MlflowLab
from tests.providers.test_wandb import WandbLab
from tests.standins.wandb import StandInWandb


@pytest.fixture(params=["mlflow", "wandb"])
def lab(request: pytest.FixtureRequest, engine: Engine, mlflow_uri: str, tmp_path: Path) -> Lab:
    """A provider with results that wait for it."""
    if request.param == "mlflow":
        lab: Lab = MlflowLab(engine, mlflow_uri)
    else:
        standin: StandInWandb = request.getfixturevalue("wandb_standin")
        lab = WandbLab(engine, standin, tmp_path)
    save_results(lab)
    return lab
