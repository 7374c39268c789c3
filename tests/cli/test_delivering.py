"""Verbs that deliver: what each says is left, within which time, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.backoff import LONGEST_DELAY
from fairmind_sync.clock import utc_now
from fairmind_sync.outbox import provider_state
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table, provider_table
from tests.standins.faults import Fault
from tests.standins.mlflow_proxy import MlflowProxy, mlflow_proxy
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import delivered
from tests.support.processes import command

AWAY = "http://127.0.0.1:1"


@pytest.fixture
def env(engine: Engine) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": AWAY,
        "FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string(),
    }


@pytest.fixture
def file(tmp_path: Path) -> str:
    lines = (
        {"test_id": f"t{number}", "model_id": "m", "test_type": "ml_bias", "results": {"n": number}}
        for number in range(3)
    )
    file = tmp_path / "results.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    return str(file)


def test_results_are_saved_and_delivered_by_one_verb(
    env: dict[str, str], file: str, engine: Engine, mlflow_uri: str
) -> None:
    ran = command("save", file, "--drain", env=env | {"MLFLOW_TRACKING_URI": mlflow_uri})
    assert ran.stdout == "saved 3 results; 0 were there already\n"
    assert [row.status for row in rows(engine, outbox_table)] == ["delivered"] * 3


def test_what_was_saved_and_not_delivered_is_left(
    env: dict[str, str], file: str, engine: Engine
) -> None:
    ran = command("save", file, "--drain", "--json", env=env, check=False)
    assert (ran.returncode, json.loads(ran.stdout)) == (
        1,
        {"saved": 3, "unchanged": 0, "left": {"mlflow": 3}},
    )
    assert "mlflow: 3 undelivered. the MLflow server can't be reached" in ran.stderr
    assert [row.attempts for row in rows(engine, outbox_table)] == [0] * 3


def test_a_time_for_a_save_that_delivers_nothing_is_a_mistake(
    env: dict[str, str], file: str, engine: Engine
) -> None:
    ran = command("save", file, "--timeout", "5", env=env, check=False)
    assert (ran.returncode, "--timeout is for --drain" in ran.stderr) == (2, True)
    assert rows(engine, outbox_table) == []


def test_without_a_provider_results_are_saved_and_that_is_told(
    env: dict[str, str], file: str
) -> None:
    ran = command("save", file, "--drain", env=env | {"MLOPS_PROVIDER": "none"}, check=False)
    assert (ran.returncode, ran.stdout) == (1, "saved 3 results; 0 were there already\n")
    assert "MLOPS_PROVIDER" in ran.stderr


def test_a_drain_whose_time_is_up_begins_nothing_more(
    env: dict[str, str], file: str, engine: Engine, mlflow_uri: str
) -> None:
    with mlflow_proxy(mlflow_uri) as proxy:
        ran = _drained_slowly(env, file, proxy)
    left = json.loads(ran)["left"]["mlflow"]
    found = [row.status for row in rows(engine, outbox_table)]
    assert (found.count("pending"), 0 < left <= len(found)) == (left, True)


def _drained_slowly(env: dict[str, str], file: str, proxy: MlflowProxy) -> str:
    """No request is answered within the drain's time, nor within the grace period after it."""
    proxy.faults.replace([Fault("any", "hang")])
    hurried = env | {"MLFLOW_TRACKING_URI": proxy.uri, "FAIRMIND_SYNC_SHUTDOWN_SECONDS": "1"}
    command("save", file, env=env)
    ran = command("drain", "--timeout", "1", "--json", env=hurried, check=False)
    assert ran.returncode == 1
    return ran.stdout


def test_a_blocked_provider_without_backlog_is_told_of(
    env: dict[str, str], engine: Engine, mlflow_uri: str
) -> None:
    delivered(engine)
    with writing(engine) as connection:
        connection.execute(
            provider_table.insert().values(
                provider="mlflow",
                state="blocked",
                reason="the password is wrong",
                since=NOW,
                next_probe_at=utc_now() + LONGEST_DELAY / 2,  # what is further off is corrected
            )
        )
    ran = command("drain", env=env)
    assert "it takes no runs. the password is wrong" in ran.stderr
    with reading(engine) as connection:
        assert provider_state.read(connection, "mlflow").state == "blocked"
