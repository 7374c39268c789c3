"""MLflow's stores without an HTTP server, and Databricks: each delivery is one run there."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.providers import drains
from tests.providers.lab import Lab
from tests.standins.impostor import impostor
from tests.standins.loopback import Reply
from tests.support.mlflow_runs import runs_of


def lab_for(engine: Engine, uri: str, **env: str) -> Lab:
    lab = Lab(engine, "mlflow", {"MLFLOW_TRACKING_URI": uri} | env)
    lab.save(results={"accuracy": 0.85})
    return lab


def test_a_database_gets_its_tables_and_the_run(engine: Engine, tmp_path: Path) -> None:
    lab = lab_for(engine, f"sqlite:///{tmp_path}/new/mlflow.db")
    assert lab.drain().status == "delivered"
    with sqlite3.connect(tmp_path / "new/mlflow.db") as connection:
        assert connection.execute("SELECT status FROM runs").fetchall() == [("FINISHED",)]


@pytest.mark.nightly
def test_two_processes_that_make_one_database_do_not_break_it(
    engine: Engine, tmp_path: Path
) -> None:
    lab = lab_for(engine, f"sqlite:///{tmp_path}/mlflow.db")
    lab.save(results={"accuracy": 0.5})
    both = [threading.Thread(target=drains.drain, args=(lab.env,)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    lab.drain()
    assert [record.status for record in lab.records()] == ["delivered"] * 2


def test_tables_of_another_version_are_left_as_they_are(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('451aebb31d03')")
    connection.close()
    before = file.read_bytes()
    assert lab_for(engine, f"sqlite:///{file}").drain().attempts == 0
    assert file.read_bytes() == before


@pytest.mark.parametrize("form", ["{place}/mlruns", "file://{place}/mlruns"])
def test_a_folder_takes_runs_where_mlflow_is_told_to_allow_it(
    engine: Engine, tmp_path: Path, form: str
) -> None:
    uri = form.format(place=tmp_path)
    lab = lab_for(engine, uri, MLFLOW_ALLOW_FILE_STORE="true")
    record = lab.drain()
    assert (record.status, record.run_url) == ("delivered", None)
    (found,) = tmp_path.glob(f"mlruns/*/{record.run_id}/metrics/accuracy")
    assert " 0.85 " in found.read_text()


def test_databricks_is_asked_with_the_credentials_of_its_sdk(
    engine: Engine, mlflow_uri: str
) -> None:
    """A real server of MLflow, which speaks the same API, stands in for Databricks."""
    experiment = "/Shared/of-databricks"
    lab = lab_for(
        engine,
        "databricks",
        DATABRICKS_HOST=mlflow_uri,
        DATABRICKS_TOKEN="nobodys",  # noqa: S106 as it says
        MLFLOW_EXPERIMENT_NAME=experiment,
    )
    record = lab.drain()
    (run,) = [one for one in runs_of(mlflow_uri, experiment) if one.id == record.run_id]
    assert (record.status, run.status) == ("delivered", "FINISHED")
    assert str(record.run_url).startswith(f"{mlflow_uri}/ml/experiments/")


@pytest.mark.nightly
def test_databricks_that_is_away_costs_no_attempt_and_little_time(engine: Engine) -> None:
    with impostor(Reply(b"", 503)) as address:
        lab = lab_for(
            engine,
            "databricks",
            DATABRICKS_HOST=address,
            DATABRICKS_TOKEN="nobodys",  # noqa: S106 as it says
            MLFLOW_EXPERIMENT_NAME="/Shared/x",
        )
        record = lab.drain()
    assert (record.attempts, lab.state().state) == (0, "offline")
