from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.standins.mlflow_proxy import MlflowProxy, mlflow_proxy


@pytest.fixture
def proxy(mlflow_uri: str) -> Iterator[MlflowProxy]:
    """In front of the run's MLflow server."""
    with mlflow_proxy(mlflow_uri) as proxy:
        yield proxy
