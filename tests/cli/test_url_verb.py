"""`url --test-id`: URLs on standard output; on standard error whose they are, and who waits."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import outcomes
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import Run
from fairmind_sync.storage.engine import writing
from tests.support.clock import NOW
from tests.support.deliveries import claim, save
from tests.support.processes import command


@pytest.fixture
def env(engine: Engine) -> dict[str, str]:
    url = engine.url.render_as_string(hide_password=False)
    return {"MLOPS_PROVIDER": "both", "FAIRMIND_SYNC_DATABASE_URL": url}


def deliver(engine: Engine, name: ProviderName) -> None:
    (delivery,) = claim(engine, name)
    with writing(engine) as connection:
        run = Run("run-1", f"https://{name}.example/run-1")
        outcomes.record_delivered(connection, delivery, run, name, NOW)


def test_whose_urls_they_are_is_told_beside_them(env: dict[str, str], engine: Engine) -> None:
    save(engine, "mlflow", "wandb", test_id="t")
    deliver(engine, "mlflow")
    deliver(engine, "wandb")
    ended = command("url", "--test-id", "t", env=env)
    urls = ["https://wandb.example/run-1", "https://mlflow.example/run-1"]
    assert (ended.stdout.splitlines(), ended.stderr) == (
        urls,
        "in this order: wandb (revision 1), mlflow (revision 1)\n",
    )


def test_who_has_no_url_yet_is_told(env: dict[str, str], engine: Engine) -> None:
    save(engine, "mlflow", "wandb", test_id="t")
    deliver(engine, "mlflow")
    ended = command("url", "--test-id", "t", env=env)
    told = "without a URL: wandb (revision 1, pending). See: fairmind-sync explain t\n"
    assert (ended.stdout, ended.stderr) == ("https://mlflow.example/run-1\n", told)


def test_a_test_of_which_all_waits_says_who_waits(env: dict[str, str], engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    ended = command("url", "--test-id", "t", env=env, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "without a URL: mlflow (revision 1, pending)" in ended.stderr


def test_of_a_single_url_nothing_is_told_beside_it(env: dict[str, str], engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    deliver(engine, "mlflow")
    assert command("url", "--test-id", "t", env=env).stderr == ""


def test_as_json_nothing_is_told_beside_it(env: dict[str, str], engine: Engine) -> None:
    save(engine, "mlflow", "wandb", test_id="t")
    deliver(engine, "mlflow")
    assert command("url", "--test-id", "t", "--json", env=env).stderr == ""
