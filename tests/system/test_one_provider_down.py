"""MLflow is down for a while: W&B is served meanwhile, and MLflow when it is back."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Engine

from fairmind_sync.demo.tracking_server import tracking_server
from fairmind_sync.outbox.delivery_lookup import RunFilter, find
from tests.conftest import API_KEY
from tests.standins.wandb import StandInWandb
from tests.support.processes import eventually, running_daemon

RESULT = {
    "test_id": "outage",
    "model_id": "model",
    "test_type": "ml_bias",
    "results": {"accuracy": 0.85},
    "wait": 0,
}
DELIVERED = RunFilter(status="delivered")


@pytest.mark.nightly
def test_wandb_is_served_meanwhile_and_mlflow_follows_by_itself(
    tmp_path: Path, engine: Engine, database_url: str, wandb_standin: StandInWandb, silent_port: int
) -> None:
    """How soon it follows is `backoff.probe_delay`'s to say, and tested there."""
    env = {
        "MLOPS_PROVIDER": "both",
        "WANDB_API_KEY": API_KEY,
        "WANDB_BASE_URL": wandb_standin.base_url,
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{silent_port}",
        "FAIRMIND_SYNC_DATABASE_URL": database_url,
    }
    with running_daemon(env, tmp_path) as daemon:
        httpx2.post(f"{daemon.url}/api/v1/mlops/log-test", json=RESULT, timeout=240)
        daemon.event("provider.offline")
        eventually(lambda: len(find(engine, DELIVERED)) == 1)
        with tracking_server(tmp_path, silent_port):
            eventually(lambda: len(find(engine, DELIVERED)) == 2)
    assert [record.attempts for record in find(engine, DELIVERED)] == [1, 1]
