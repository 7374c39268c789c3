"""FairMind's two services as its backend calls them: nothing raises, what fails is logged and answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from fairmind_sync.clock import utc_now
from fairmind_sync.fairmind import bias_test_results, mlops_integration
from fairmind_sync.outbox import outcomes
from fairmind_sync.results.delivery import Run
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.schema import ready_engine
from tests.support.deliveries import claim

RESULTS = {"overall_risk": "low", "metrics_passed": 2, "metrics_failed": 0, "accuracy": 0.85}
UNUSABLE = "sqlite:////proc/nowhere/results.db"


@pytest.fixture(autouse=True)
def _database(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", database_url)


@pytest.fixture
def unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that can't be made."""
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", UNUSABLE)
    monkeypatch.setenv("MLOPS_PROVIDER", "both")


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that can't be read at all."""
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", "no database")
    monkeypatch.setenv("MLOPS_PROVIDER", "both")


async def saved(**changes: Any) -> bool:
    given = {
        "test_id": "t",
        "user_id": "u",
        "model_id": "m",
        "dataset_id": None,
        "test_type": "ml_bias",
        "results": RESULTS,
    }
    return await bias_test_results.save_test_result(**given | changes)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_result_is_saved_found_listed_counted_and_deleted() -> None:
    async def calls() -> list[object]:
        done: list[object] = [await saved()]
        record = await bias_test_results.get_test_result("t", "u")
        assert record is not None
        done += [record["results"] == RESULTS, record["created_at"] == record["timestamp"]]
        done.append(len(await bias_test_results.list_test_results("u", limit=10)))
        done.append((await bias_test_results.get_test_statistics("u"))["by_risk"])
        page = await bias_test_results.report("t", "u")
        done.append(page is not None and page.startswith("<!doctype html>"))
        done.append(await bias_test_results.delete_test_result("t", "u"))
        done.append(await bias_test_results.report("t", "u"))
        done.append(await bias_test_results.get_test_result("t", "u"))
        return done

    assert asyncio.run(calls()) == [True, True, True, 1, {"low": 1}, True, True, None, None]


def test_the_deletion_of_what_is_not_there_is_no_failure() -> None:
    assert bias_test_results.delete_test_result_sync("nothing", "u") is True


class Hostile:
    """Has no attribute that can be read."""

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "changes",
    [
        {"test_id": ""},
        {"results": {"a": object()}},
        {"results": None},
        {"results": {"a": Hostile()}},
        {"metadata": {"a": {1: object()}}},
    ],
    ids=["no id", "an object", "nothing", "a hostile object", "in the metadata"],
)
def test_what_can_not_be_stored_is_false_and_logged(
    caplog: pytest.LogCaptureFixture, changes: dict[str, Any]
) -> None:
    assert asyncio.run(saved(**changes)) is False
    (told,) = errors(caplog)
    assert told.startswith("Failed to save test result: ")


FAILURES: list[tuple[Callable[[], object], object, str]] = [
    (lambda: asyncio.run(saved()), False, "Failed to save test result: "),
    (
        lambda: bias_test_results.get_test_result_sync("t", "u"),
        None,
        "Failed to retrieve test result: ",
    ),
    (lambda: bias_test_results.list_test_results_sync("u"), [], "Failed to list test results: "),
    (
        lambda: bias_test_results.delete_test_result_sync("t", "u"),
        False,
        "Failed to delete test result: ",
    ),
    (lambda: bias_test_results.get_test_statistics_sync("u"), {}, "Failed to get statistics: "),
    (lambda: bias_test_results.report_sync("t", "u"), None, "Failed to make a report: "),
    (lambda: mlops_integration.get_run_url("mlflow", "r"), None, "Failed to look up a run: "),
]


@pytest.mark.parametrize(("call", "answer", "words"), FAILURES, ids=[f[2] for f in FAILURES])
@pytest.mark.parametrize("broken", ["unusable", "no_database"])
def test_a_broken_database_is_answered_and_logged(
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    broken: str,
    call: Callable[[], object],
    answer: object,
    words: str,
) -> None:
    request.getfixturevalue(broken)
    assert call() == answer
    (told,) = errors(caplog)
    assert told.startswith(words)
    assert "FAIRMIND_SYNC_DATABASE_URL" in told


@pytest.mark.usefixtures("unusable")
def test_awaited_logging_that_fails_tells_each_provider(caplog: pytest.LogCaptureFixture) -> None:
    status = asyncio.run(mlops_integration.log_bias_test_async("t", "m", "ml_bias", RESULTS))
    assert [one["success"] for one in status.values()] == [False, False]
    assert len(errors(caplog)) == 2


def test_awaited_logging_answers_as_the_other_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_PROVIDER", "mlflow")
    awaited = asyncio.run(mlops_integration.log_bias_test_async("t", "m", "ml_bias", RESULTS))
    assert awaited == mlops_integration.log_bias_test("t", "m", "ml_bias", RESULTS)


@pytest.mark.usefixtures("unusable")
def test_logging_that_fails_tells_each_provider_in_the_words_that_people_look_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    status = mlops_integration.log_bias_test("t", "m", "ml_bias", RESULTS)
    assert [
        (one["enabled"], one["success"], "can't be" in one["error"]) for one in status.values()
    ] == [(True, False, True)] * 2
    assert [line.partition(":")[0] for line in errors(caplog)] == [
        "W&B logging error",
        "MLflow logging error",
    ]


@pytest.mark.usefixtures("no_database")
def test_settings_that_can_not_be_read_enable_nothing(caplog: pytest.LogCaptureFixture) -> None:
    status = mlops_integration.get_status()
    assert (mlops_integration.is_enabled(), status["provider"], status["mlflow"]["enabled"]) == (
        False,
        "none",
        False,
    )
    assert all(line.startswith("MLOps integration not available: ") for line in errors(caplog))


@pytest.mark.usefixtures("no_database")
def test_logging_without_settings_answers_all_the_same() -> None:
    status = mlops_integration.log_bias_test("t", "m", "ml_bias", RESULTS)
    assert {name: one["success"] for name, one in status.items()} == {
        "wandb": False,
        "mlflow": False,
    }


@pytest.mark.parametrize(
    ("url", "experiment"),
    [
        ("http://h:5000/#/experiments/17/runs/r", "17"),
        ("https://h/ml/experiments/17/runs/r?o=1", "17"),
        (None, None),
    ],
)
def test_mlflows_answer_has_the_experiment(
    monkeypatch: pytest.MonkeyPatch, database_url: str, url: str | None, experiment: str | None
) -> None:
    monkeypatch.setenv("MLOPS_PROVIDER", "mlflow")
    given = ("t", "m", "ml_bias", RESULTS)
    assert mlops_integration.log_bias_test(*given)["mlflow"]["experiment_id"] is None
    engine = ready_engine(database_url)
    (delivery,) = claim(engine, now=utc_now())
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, Run("r", url), "somewhere", utc_now())
    assert mlops_integration.log_bias_test(*given)["mlflow"]["experiment_id"] == experiment
