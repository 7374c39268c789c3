"""Deliveries to a real MLflow server, and what happens when it or its experiment isn't as it should be."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
from fairmind_sync.providers.mlflow.provider import GRACE
from tests.providers.lab import Lab
from tests.standins.wandb import StandInWandb
from tests.support.mlflow_runs import HeldRun, runs_of


class MlflowLab(Lab):
    """Drains into an experiment of its own on a shared server."""

    def __init__(self, engine: Engine, uri: str) -> None:
        self.uri = uri
        self.experiment = f"test-{uuid4().hex}"
        env = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": self.experiment}
        super().__init__(engine, "mlflow", env)

    def runs(self, view: str = "ALL") -> list[HeldRun]:
        return runs_of(self.uri, self.experiment, view)

    def call(self, endpoint: str, **fields: Any) -> dict[str, Any]:
        reply = httpx2.post(f"{self.uri}/api/2.0/mlflow/{endpoint}", json=fields, timeout=240)
        return dict(reply.raise_for_status().json())


@pytest.fixture
def lab(engine: Engine, mlflow_uri: str) -> MlflowLab:
    return MlflowLab(engine, mlflow_uri)


def test_the_recorded_url_is_the_servers(lab: MlflowLab) -> None:
    lab.save()
    record = lab.drain()
    assert record.run_url == f"{lab.uri}/#/experiments/{experiment_of(record)}/runs/{record.run_id}"


def test_a_public_url_is_what_links_begin_with(lab: MlflowLab) -> None:
    lab.save()
    record = lab.drain(FAIRMIND_SYNC_MLFLOW_PUBLIC_URL="https://mlflow.example/base/")
    assert str(record.run_url).startswith("https://mlflow.example/base/#/experiments/")


def test_a_run_made_by_an_attempt_that_died_is_adopted(lab: MlflowLab) -> None:
    lab.save()
    experiment = lab.call("experiments/create", name=lab.experiment)["experiment_id"]
    tag = {"key": "fairmind.delivery_key", "value": lab.key()}
    made = lab.call("runs/create", experiment_id=experiment, tags=[tag])["run"]["info"]["run_id"]
    lab.write(create_attempted_at=datetime.now(UTC) - timedelta(minutes=5))
    assert (lab.drain().run_id, len(lab.runs())) == (made, 1)


def test_a_create_that_may_still_be_under_way_is_waited_for(lab: MlflowLab) -> None:
    """One of a time to come counts as attempted at the claim: however long the drain takes to begin."""
    lab.save()
    began = datetime.now(UTC)
    lab.write(create_attempted_at=began + timedelta(minutes=1))
    record = lab.drain()
    assert (record.status, record.due_at >= began + GRACE) == ("pending", True)


def test_a_run_whose_id_is_known_is_completed(lab: MlflowLab) -> None:
    lab.save()
    experiment = lab.call("experiments/create", name=lab.experiment)["experiment_id"]
    made = lab.call("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    lab.write(create_attempted_at=datetime.now(UTC), run_id=made)
    lab.drain()
    assert [(run.id, run.status) for run in lab.runs()] == [(made, "FINISHED")]


def test_a_run_that_was_delivered_but_not_recorded_stays_one_run(lab: MlflowLab) -> None:
    lab.save()
    lab.drain()
    lab.write(status="pending", finished_at=None)
    lab.drain()
    assert len(lab.runs()) == 1


def test_a_run_that_a_user_deleted_is_not_made_again(lab: MlflowLab) -> None:
    lab.save()
    run_id = lab.drain().run_id
    lab.call("runs/delete", run_id=run_id)
    lab.write(status="pending", finished_at=None, run_id=None)
    lab.write(create_attempted_at=datetime.now(UTC) - timedelta(minutes=5))
    assert (lab.drain().status, len(lab.runs())) == ("dead", 1)


def test_a_deleted_experiment_blocks_the_provider_and_says_how_to_restore_it(
    lab: MlflowLab,
) -> None:
    experiment = lab.call("experiments/create", name=lab.experiment)["experiment_id"]
    lab.call("experiments/delete", experiment_id=experiment)
    lab.save()
    record = lab.drain()
    state = lab.state()
    restore = f"mlflow experiments restore --experiment-id {experiment}"
    assert (record.attempts, state.state, restore in str(state.reason)) == (0, "blocked", True)


def test_a_restored_experiment_takes_what_waited(lab: MlflowLab) -> None:
    experiment = lab.call("experiments/create", name=lab.experiment)["experiment_id"]
    lab.call("experiments/delete", experiment_id=experiment)
    lab.save()
    lab.drain()
    lab.call("experiments/restore", experiment_id=experiment)
    assert lab.drain().status == "delivered"


def test_a_server_that_is_away_uses_up_no_attempt(lab: MlflowLab) -> None:
    lab.save()
    record = lab.drain(MLFLOW_TRACKING_URI="http://127.0.0.1:1")
    assert (record.attempts, lab.state().state) == (0, "offline")


def test_something_that_is_no_mlflow_server_blocks_the_provider(
    lab: MlflowLab, wandb_standin: StandInWandb
) -> None:
    lab.save()
    lab.drain(MLFLOW_TRACKING_URI=wandb_standin.base_url)
    state = lab.state()
    assert (state.state, "MLFLOW_TRACKING_URI" in str(state.reason)) == ("blocked", True)


def test_a_local_sqlite_store_takes_runs_without_a_server(lab: MlflowLab, tmp_path: Any) -> None:
    lab.save()
    record = lab.drain(MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path / 'mlruns.db'}")
    assert (record.status, record.run_url) == ("delivered", None)


def test_links_to_the_runs_of_a_store_begin_with_the_public_url(
    lab: MlflowLab, tmp_path: Any
) -> None:
    lab.save()
    record = lab.drain(
        MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path / 'mlruns.db'}",
        FAIRMIND_SYNC_MLFLOW_PUBLIC_URL="https://mlflow.example",
    )
    assert record.run_url == f"https://mlflow.example/#/experiments/1/runs/{record.run_id}"


def test_more_metrics_than_fit_into_a_batch_all_arrive(lab: MlflowLab) -> None:
    lab.save(results={f"metric_{number}": number for number in range(2_500)})
    lab.drain()
    (run,) = lab.runs()
    assert run.metrics == {f"metric_{number}": float(number) for number in range(2_500)}


def test_more_parameters_than_fit_into_a_batch_all_arrive(lab: MlflowLab) -> None:
    lab.save(metadata={f"p{number}": "x" * 5_000 for number in range(230)})
    lab.drain()
    (run,) = lab.runs()
    assert len(run.params) == 230 + 5


def test_difficult_values_arrive(lab: MlflowLab) -> None:
    difficult = {"quotes": "'\"`;--", "emoji": "⚖️", "lines": "a\nb", "empty": ""}
    lab.save(metadata=difficult)
    lab.drain()
    (run,) = lab.runs()
    assert {key: run.params[key] for key in difficult} == difficult


def test_difficult_keys_are_made_legal_and_stay_apart(lab: MlflowLab) -> None:
    lab.save(results={"a/b": 1, "a": {"b": 2}, "": 3, "..": 4, "x=1": 5, "x?1": 6})
    lab.drain()
    (run,) = lab.runs()
    assert sorted(run.metrics.values()) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("value", [float("nan"), 1e308, -1e-308, 0.1 + 0.2])
def test_numbers_arrive_exactly(lab: MlflowLab, value: float) -> None:
    lab.save(results={"number": value})
    lab.drain()
    held = lab.runs()[0].metrics["number"]
    assert held == value or (math.isnan(held) and math.isnan(value))


def test_infinity_is_left_out(lab: MlflowLab) -> None:
    lab.save(results={"finite": 1, "infinite": float("inf")})
    lab.drain()
    assert lab.runs()[0].metrics == {"finite": 1.0}


def test_a_new_revision_is_a_run_of_its_own(lab: MlflowLab) -> None:
    for accuracy in (0.5, 0.6):
        lab.save(test_id="same", results={"accuracy": accuracy})
    lab.drain()
    assert sorted(run.metrics["accuracy"] for run in lab.runs()) == [0.5, 0.6]


def experiment_of(record: DeliveryRecord) -> str:
    return str(record.destination).rsplit(" ", 1)[-1]
