"""A backend that calls our services as FairMind does, and its life while MLflow goes and comes back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from fairmind_sync.demo.tracking_server import held_port
from tests.standins.mlflow_proxy import MlflowProxy
from tests.support.ending import ending_with_parent
from tests.support.mlflow_runs import runs_of
from tests.support.processes import eventually

EXPERIMENT = "a-fairmind-backend"
_APP = """
from typing import Any
from fastapi import Body, FastAPI, HTTPException
from fairmind_sync import daemon
from fairmind_sync.fairmind import bias_test_results, mlops_integration

app = FastAPI(lifespan=daemon.lifespan)


@app.get("/alive")
async def alive() -> bool:
    return True


@app.post("/bias-detection")
async def detect(test_id: str = Body(embed=True)) -> dict[str, Any]:
    computed = {"overall_risk": "high", "metrics_passed": 1, "metrics_failed": 2, "accuracy": 0.8}
    saved = await bias_test_results.save_test_result(
        test_id, "user", "model", "dataset", "ml_bias", computed, {"run_by": "a user"}
    )
    return {"computed": computed, "saved": saved}


@app.get("/history")
async def history() -> list[dict[str, Any]]:
    return await bias_test_results.list_test_results("user")


@app.get("/mlops/status")
async def status() -> dict[str, Any]:
    return {"status": mlops_integration.get_status(), "enabled": mlops_integration.is_enabled()}


@app.post("/mlops/log-test")
async def log_test(body: dict[str, Any]) -> dict[str, Any]:
    if not mlops_integration.is_enabled():
        raise HTTPException(400, "no provider is enabled")
    return mlops_integration.log_bias_test(**body)


@app.get("/mlops/run-url/{provider}/{run_id}")
async def run_url(provider: str, run_id: str) -> dict[str, Any]:
    url = mlops_integration.get_run_url(provider, run_id)
    if not url:
        raise HTTPException(404, "unknown run")
    return {"url": url}
"""


@contextmanager
def running_backend(
    place: Path, env: Mapping[str, str], python: str = sys.executable
) -> Iterator[httpx2.Client]:
    """The backend under uvicorn, by any interpreter that has our package; its output is in `backend.log`."""
    (place / "backend.py").write_text(_APP)
    with held_port() as port, (place / "backend.log").open("wb") as log:
        serve = [python, "-m", "uvicorn", "backend:app", "--port", str(port)]
        backend = subprocess.Popen(
            [*ending_with_parent(), *serve],
            cwd=place,
            env={
                **os.environ,
                **env,
                "PYTHONPATH": f"{place}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            },
            stdout=log,
            stderr=log,
        )
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=240) as client:
                eventually(lambda: backend.poll() is not None or _is_alive(client))
                assert backend.poll() is None, (place / "backend.log").read_text()
                yield client
        finally:
            backend.terminate()
            backend.wait(timeout=240)


def _is_alive(client: httpx2.Client) -> bool:
    try:
        return client.get("/alive").is_success
    except httpx2.TransportError:
        return False


def live_through_an_outage(client: httpx2.Client, proxy: MlflowProxy, mlflow_uri: str) -> None:
    """Each step asserts what a user of the backend sees; at the end each test has one run."""
    assert client.get("/mlops/status").json()["enabled"] is True
    _detect(client, "while-up")
    eventually(lambda: _tests(mlflow_uri) == {"while-up"})
    proxy.stop()
    _detect(client, "while-down")
    by_hand = {"test_id": "by-hand", "model_id": "m", "test_type": "ml_bias", "results": {"a": 1.0}}
    logged = client.post("/mlops/log-test", json=by_hand).raise_for_status().json()
    assert (logged["mlflow"]["status"], logged["mlflow"]["success"]) == ("pending", False)
    proxy.start()
    expected = {"while-up", "while-down", "by-hand"}
    eventually(lambda: _tests(mlflow_uri) == expected)
    eventually(lambda: _logged(client, by_hand)["success"])
    entry = _logged(client, by_hand)
    url = client.get(f"/mlops/run-url/mlflow/{entry['run_id']}").raise_for_status().json()["url"]
    assert f"/experiments/{entry['experiment_id']}/runs/{entry['run_id']}" in url
    assert len(client.get("/history").json()) == 2
    assert len(runs_of(mlflow_uri, EXPERIMENT)) == len(expected)


def _detect(client: httpx2.Client, test_id: str) -> None:
    answer = client.post("/bias-detection", json={"test_id": test_id}).raise_for_status().json()
    assert (answer["saved"], answer["computed"]["overall_risk"]) == (True, "high")


def _logged(client: httpx2.Client, by_hand: dict[str, Any]) -> dict[str, Any]:
    """What logging the same again answers: nothing is saved twice."""
    entry: dict[str, Any] = client.post("/mlops/log-test", json=by_hand).json()["mlflow"]
    return entry


def _tests(mlflow_uri: str) -> set[str]:
    """The ids of the tests whose runs are finished."""
    try:
        return {
            run.params["test_id"]
            for run in runs_of(mlflow_uri, EXPERIMENT)
            if run.status == "FINISHED"
        }
    except KeyError:  # no experiment yet
        return set()


def environment(database: Path, proxy: MlflowProxy) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": proxy.uri,
        "MLFLOW_EXPERIMENT_NAME": EXPERIMENT,
        "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{database}",
    }
