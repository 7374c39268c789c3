"""A backend that delivers by itself, called as FairMind's own is, while MLflow goes and comes back."""

from __future__ import annotations

from pathlib import Path

from tests.standins.mlflow_proxy import mlflow_proxy
from tests.support.fairmind_backend import environment, live_through_an_outage, running_backend


def test_a_backend_lives_through_an_outage_of_mlflow(tmp_path: Path, mlflow_uri: str) -> None:
    with mlflow_proxy(mlflow_uri) as proxy:
        env = environment(tmp_path / "database" / "results.db", proxy)
        with running_backend(tmp_path, env) as client:
            live_through_an_outage(client, proxy, mlflow_uri)
