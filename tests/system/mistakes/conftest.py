from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import API_KEY
from tests.standins.mlflow_proxy import mlflow_proxy
from tests.standins.wandb import serve_wandb
from tests.system.mistakes.mistake import World


@pytest.fixture
def world(mlflow_uri: str, tmp_path: Path) -> Iterator[World]:
    with mlflow_proxy(mlflow_uri) as proxy, serve_wandb({API_KEY}) as wandb:
        yield World(proxy, wandb, tmp_path)
