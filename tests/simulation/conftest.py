from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.mlflow_benches import Bench, ModelBench, ServerBench
from tests.standins.mlflow_proxy import mlflow_proxy


@pytest.fixture(params=["model", pytest.param("server", marks=pytest.mark.system)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """MLflow's calls, with an empty experiment."""
    if request.param == "model":
        yield ModelBench()
        return
    with mlflow_proxy(request.getfixturevalue("mlflow_uri")) as proxy:
        yield ServerBench(proxy)
