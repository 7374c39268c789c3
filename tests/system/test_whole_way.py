"""Save → outbox → daemon → real MLflow and real W&B SDK → run URL, and what each holds at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fairmind_sync.outbox import delivery_lookup
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import reading
from tests.conftest import API_KEY
from tests.standins.wandb import StandInRun, serve_wandb
from tests.support.mlflow_runs import HeldRun, runs_of
from tests.support.processes import eventually, running_daemon

RESULTS = 40

NO_NETWORK = """
import json, socket, sys

def refuse(*_):
    raise OSError("this process has no network")

socket.socket.connect = socket.getaddrinfo = refuse
"""
SAVE = """
from fairmind_sync import bias_test_results
for result in json.load(sys.stdin):
    bias_test_results.save_test_result_sync(**result)
"""
URL = "from fairmind_sync.cli import main; main()"


def result(number: int) -> dict[str, Any]:
    """The arguments of one save."""
    return {
        "test_id": f"test-{number}",
        "user_id": f"user-{number % 3}",
        "model_id": f"model-{number % 5}",
        "dataset_id": "census",
        "test_type": "ml_bias",
        "results": {
            "accuracy": 0.5 + number / 1000,
            "equalized_odds": float("nan"),
            "passed": True,
            "groups": {"women": {"rate": number / 7}, "män": {"rate": number / 11}},
            "thresholds": [0.1, 0.2, 0.6],
            "tests": [{"p": 0.01}, {"p": 0.04}],
            "overall_bias_detected": number % 2 == 0,
            "risk_level": ("low", "high")[number % 2],
            "summary": f"result {number}",
        },
        "metadata": {
            "model_type": "classification",
            "folds": 5,
            "balanced": False,
            "attributes": ["gender", {"name": "race"}],
        },
    }


def expected_metrics(number: int) -> dict[str, float]:
    return {
        "accuracy": 0.5 + number / 1000,
        "rate/women": number / 7,
        "rate/män": number / 11,
        "passed": 1.0,
        "overall_bias_detected": float(number % 2 == 0),
        "thresholds/mean": 0.3,
        "thresholds/min": 0.1,
        "thresholds/max": 0.6,
        "tests/0/p": 0.01,
        "tests/1/p": 0.04,
    }


@pytest.fixture(scope="module")
def delivered(
    tmp_path_factory: pytest.TempPathFactory, mlflow_uri: str
) -> tuple[list[HeldRun], dict[str, StandInRun], list[DeliveryRecord], dict[str, str]]:
    """Results saved offline, delivered by a daemon that is gone again."""
    place = tmp_path_factory.mktemp("whole-way")
    with serve_wandb({API_KEY}) as standin:
        env = {
            "MLOPS_PROVIDER": "both",
            "WANDB_API_KEY": API_KEY,
            "WANDB_BASE_URL": standin.base_url,
            "MLFLOW_TRACKING_URI": mlflow_uri,
            "MLFLOW_EXPERIMENT_NAME": f"whole way {uuid4()}",  # the server is shared by processes
            "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{place / 'results.db'}",
        }
        results = json.dumps([result(number) for number in range(RESULTS)])
        without_network(SAVE, env=env, cwd=place, stdin=results)
        with running_daemon(env, place, started=True):
            eventually(lambda: len(deliveries(env, "delivered")) == 2 * RESULTS)
    return (
        runs_of(mlflow_uri, env["MLFLOW_EXPERIMENT_NAME"]),
        dict(standin.runs),
        deliveries(env),
        env,
    )


def without_network(
    code: str, *arguments: str, env: dict[str, str], cwd: Path, stdin: str | None = None
) -> str:
    """What the code prints, in a process that can't connect to anything."""
    return subprocess.run(
        [sys.executable, "-c", NO_NETWORK + code, *arguments],
        input=stdin,
        env=os.environ | env,
        cwd=cwd,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=240,
    ).stdout


def deliveries(env: dict[str, str], status: str | None = None) -> list[DeliveryRecord]:
    with reading(schema.ready_engine(env["FAIRMIND_SYNC_DATABASE_URL"])) as connection:
        return delivery_lookup.deliveries(connection, RunFilter(status=status))


def test_each_provider_holds_each_result_once(delivered: Any) -> None:
    mlflow_runs, wandb_runs, _, _ = delivered
    expected = sorted(f"test-{number}" for number in range(RESULTS))
    held = (
        sorted(run.params["test_id"] for run in mlflow_runs),
        sorted(run.config["test_id"] for run in wandb_runs.values()),
    )
    assert held == (expected, expected)


def test_every_run_is_finished(delivered: Any) -> None:
    mlflow_runs, wandb_runs, _, _ = delivered
    states = {run.status for run in mlflow_runs} | {run.state for run in wandb_runs.values()}
    assert states == {"FINISHED", "finished"}


def test_mlflow_metrics_are_the_saved_ones(delivered: Any) -> None:
    for run in delivered[0]:
        numbers = {key: value for key, value in run.metrics.items() if key != "equalized_odds"}
        assert numbers == pytest.approx(expected_metrics(number_of(run.params["test_id"])))


def test_mlflow_keeps_nan(delivered: Any) -> None:
    assert all(
        run.metrics["equalized_odds"] != run.metrics["equalized_odds"] for run in delivered[0]
    )


def test_mlflow_parameters_are_the_saved_ones(delivered: Any) -> None:
    for run in delivered[0]:
        number = number_of(run.params["test_id"])
        assert run.params == {
            "test_id": f"test-{number}",
            "user_id": f"user-{number % 3}",
            "model_id": f"model-{number % 5}",
            "dataset_id": "census",
            "test_type": "ml_bias",
            "model_type": "classification",
            "folds": "5",
            "balanced": "False",
            "attributes": '["gender",{"name":"race"}]',
        }


def test_mlflow_tags_hold_type_model_project_and_summary(delivered: Any) -> None:
    for run in delivered[0]:
        number = number_of(run.params["test_id"])
        shown = {key: run.tags.get(key) for key in ("test_type", "model_id", "project")} | {
            key: run.tags.get(key) for key in ("overall_bias_detected", "risk_level", "summary")
        }
        assert shown == {
            "test_type": "ml_bias",
            "model_id": f"model-{number % 5}",
            "project": "fairmind-bias-detection",
            "overall_bias_detected": "true" if number % 2 == 0 else "false",
            "risk_level": ("low", "high")[number % 2],
            "summary": f"result {number}",
        }


def test_mlflow_runs_start_when_the_result_was_saved(delivered: Any) -> None:
    mlflow_runs, _, records, _ = delivered
    saved_at = {record.test_id: record.created_at for record in records}
    late = [
        run.id
        for run in mlflow_runs
        if abs(run.start_time_ms - saved_at[run.params["test_id"]].timestamp() * 1000) > 1
    ]
    assert late == []


def test_wandb_history_holds_the_saved_metrics(delivered: Any) -> None:
    for run in delivered[1].values():
        (row,) = run.history
        numbers = {
            key: value
            for key, value in row.items()
            if not key.startswith(("_", "evidence/")) and key != "equalized_odds"
        }
        assert numbers == pytest.approx(expected_metrics(number_of(run.config["test_id"])))


def test_wandb_keeps_nan(delivered: Any) -> None:
    assert all(run.history[0]["equalized_odds"] != 0 for run in delivered[1].values())


def test_wandb_config_is_the_saved_metadata(delivered: Any) -> None:
    for run in delivered[1].values():
        number = number_of(run.config["test_id"])
        assert run.config == {
            "test_id": f"test-{number}",
            "user_id": f"user-{number % 3}",
            "model_id": f"model-{number % 5}",
            "dataset_id": "census",
            "test_type": "ml_bias",
            "model_type": "classification",
            "folds": 5,
            "balanced": False,
            "attributes": ["gender", {"name": "race"}],
        }


def test_wandb_tags_are_type_model_and_project(delivered: Any) -> None:
    for run in delivered[1].values():
        model = run.config["model_id"]
        assert run.tags == ["ml_bias", model, "fairmind-bias-detection"]


def test_wandb_summary_holds_the_verdict(delivered: Any) -> None:
    for run in delivered[1].values():
        number = number_of(run.config["test_id"])
        verdict = {
            key: run.summary[key] for key in ("overall_bias_detected", "risk_level", "summary")
        }
        assert verdict == {
            "overall_bias_detected": number % 2 == 0,
            "risk_level": ("low", "high")[number % 2],
            "summary": f"result {number}",
        }


def test_wandb_rows_carry_the_time_of_the_save(delivered: Any) -> None:
    _, wandb_runs, records, _ = delivered
    saved_at = {record.test_id: record.created_at.timestamp() for record in records}
    assert all(
        run.history[0]["_timestamp"] == pytest.approx(saved_at[run.config["test_id"]], abs=0.01)
        for run in wandb_runs.values()
    )


def test_runs_are_named_by_model_type_and_test(delivered: Any) -> None:
    mlflow_runs, wandb_runs, _, _ = delivered
    names = {run.name for run in mlflow_runs} | {run.display_name for run in wandb_runs.values()}
    assert names == {f"model-{number % 5} - ml_bias - test-{number}" for number in range(RESULTS)}


def test_the_database_knows_each_run(delivered: Any) -> None:
    mlflow_runs, wandb_runs, records, _ = delivered
    assert {record.run_id for record in records} == {run.id for run in mlflow_runs} | set(
        wandb_runs
    )


def test_url_answers_without_a_network(delivered: Any, tmp_path: Path) -> None:
    records, env = delivered[2], delivered[3]
    record = records[0]
    shown = without_network(URL, "url", record.provider, str(record.run_id), env=env, cwd=tmp_path)
    assert shown.strip() == record.run_url


def number_of(test_id: str) -> int:
    return int(test_id.removeprefix("test-"))
