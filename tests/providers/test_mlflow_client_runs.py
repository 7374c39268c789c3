"""Each call of `RunsApi` as calls of MLflow's client, for stores that are no HTTP server."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from fairmind_sync.errors import LeaseLostError, ProviderBlockedError
from fairmind_sync.providers.mlflow.runs_api import (
    DatasetInput,
    MetricPoint,
    MlflowRefusedError,
    ParamText,
    RunPlace,
    StoredRun,
    TagText,
    UncertainError,
)
from fairmind_sync.results.model_version import ModelVersion
from tests.providers.mlflow_package import MlflowPackage, NotedClient

PACKAGE = MlflowPackage()
START = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
START_MS = 1767323045678
VERSION = ModelVersion("credit", "3")


def runs(*pages: str, **answers: Any) -> tuple[Any, list[Any]]:
    client = NotedClient(**answers)
    return PACKAGE.of_ours("client_runs").ClientRuns(client, *pages), client.asked


def experiment(stage: str) -> SimpleNamespace:
    return SimpleNamespace(experiment_id=7, lifecycle_stage=stage)


def run(**info: Any) -> SimpleNamespace:
    whole = {"run_id": 1, "status": "RUNNING", "lifecycle_stage": "active", "artifact_uri": None}
    data = {"tags": {"k": 5}, "params": {"p": "1"}, "metrics": {"m": 0.5}}
    return SimpleNamespace(info=SimpleNamespace(**whole | info), data=SimpleNamespace(**data))


def test_an_experiment_that_is_there_is_used() -> None:
    api, asked = runs(get_experiment_by_name=experiment("active"))
    assert (api.experiment_id("e"), asked) == ("7", [("get_experiment_by_name", "e")])


def test_an_experiment_that_is_not_there_is_made() -> None:
    api, asked = runs(create_experiment=8)
    assert api.experiment_id("e") == "8"
    assert asked == [("get_experiment_by_name", "e"), ("create_experiment", "e")]


def test_a_deleted_experiment_blocks() -> None:
    api, _ = runs(get_experiment_by_name=experiment("deleted"))
    with pytest.raises(ProviderBlockedError, match=r"'e' is deleted.*--experiment-id 7;"):
        api.experiment_id("e")


@pytest.mark.parametrize(
    ("is_whole", "wanted", "view"),
    [
        (False, "tags.`k` = 'v'", 3),
        (True, "tags.`k` = 'v' and attributes.status = 'FINISHED'", 1),
    ],
)
def test_the_earliest_run_of_a_tag_is_looked_for(is_whole: bool, wanted: str, view: int) -> None:
    api, asked = runs(search_runs=[[run(), run(run_id=2)]])
    assert api.find_run("7", "k", "v", is_whole=is_whole) == "1"
    searched = {
        "filter_string": wanted,
        "run_view_type": view,
        "max_results": 1,
        "order_by": ["attributes.start_time ASC"],
    }
    assert asked == [("search_runs", ["7"], searched)]


def test_where_no_run_has_the_tag_there_is_none() -> None:
    api, asked = runs(search_runs=[[]])
    assert api.find_run("7", "k", "v") is None
    assert asked[0][2]["run_view_type"] == 3


@pytest.mark.parametrize(("uri", "place"), [("s3://b", "s3://b"), (None, "")])
def test_a_run_is_made_with_its_name_start_and_tags(uri: str | None, place: str) -> None:
    api, asked = runs(create_run=run(artifact_uri=uri))
    assert api.create_run("7", "n", START, {"a": "b"}) == RunPlace("1", place)
    made = {"start_time": START_MS, "tags": {"a": "b"}, "run_name": "n"}
    assert asked == [("create_run", "7", made)]


def test_a_stored_run_is_told() -> None:
    finished = run(status="FINISHED", lifecycle_stage="deleted", artifact_uri="s3://b")
    api, asked = runs(get_run=[finished, run()])
    data: dict[str, Any] = {
        "tags": {"k": 5},
        "params": frozenset({"p"}),
        "metrics": frozenset({"m"}),
    }
    assert [api.stored_run("r"), api.stored_run("r")] == [
        StoredRun(is_finished=True, is_deleted=True, artifact_uri="s3://b", **data),
        StoredRun(**data),
    ]
    assert asked == [("get_run", "r")] * 2


def test_a_batch_is_logged_by_kinds() -> None:
    api, asked = runs()
    api.log_batch("r", [MetricPoint("m", 0.5, 9), ParamText("p", "x"), TagText("t", "y")])
    ((_, run_id, (metric,), params, tags),) = asked
    wanted = {"key": "m", "value": 0.5, "timestamp": 9, "step": 0}
    assert {name: metric[name] for name in wanted} == wanted
    assert (run_id, params, tags) == (
        "r",
        [{"key": "p", "value": "x"}],
        [{"key": "t", "value": "y"}],
    )


def test_a_dataset_is_an_input_for_evaluation() -> None:
    api, asked = runs()
    api.log_dataset("r", DatasetInput("d", "abc", "code", "{}"))
    ((_, run_id, (used,)),) = asked
    described = {"name": "d", "digest": "abc", "source_type": "code", "source": "{}"}
    assert {name: used["dataset"][name] for name in described} == described
    assert (run_id, used["tags"]) == (
        "r",
        [{"key": "mlflow.data.context", "value": "evaluation"}],
    )


def test_a_model_versions_tags_are_told_and_set() -> None:
    api, asked = runs(get_model_version=SimpleNamespace(tags={"a": "b"}))
    assert api.model_version_tags(VERSION) == {"a": "b"}
    api.tag_model_version(VERSION, "a", "c")
    assert asked == [
        ("get_model_version", "credit", "3"),
        ("set_model_version_tag", "credit", "3", "a", "c"),
    ]


def test_a_run_is_finished_once_the_store_says_so() -> None:
    api, asked = runs(get_run=run(status="FINISHED"))
    api.finish_run("r", START)
    assert asked == [("set_terminated", "r", "FINISHED", START_MS), ("get_run", "r")]


def test_an_end_that_the_store_does_not_confirm_is_uncertain() -> None:
    api, _ = runs(get_run=run(status="RUNNING"))
    with pytest.raises(UncertainError, match=r"^the run is RUNNING after it was ended$"):
        api.finish_run("r", START)


def test_unfinished_failed_and_deleted_runs_are_told_by_their_tag() -> None:
    api, asked = runs(search_runs=[[run(), run(run_id=2)], [run()], [run(run_id=2)]])
    assert api.unfinished_runs("7", "k") == [("1", "5"), ("2", "5")]
    assert api.deleted_runs("7", "k") == [("1", "5")]
    assert api.failed_runs("7", "k") == [("2", "5")]
    running = "attributes.status = 'RUNNING' AND tags.`k` LIKE '%'"
    assert asked == [
        ("search_runs", ["7"], running, 1),
        ("search_runs", ["7"], "tags.`k` LIKE '%'", 2),
        ("search_runs", ["7"], running.replace("RUNNING", "FAILED"), 1),
    ]


def test_a_run_is_failed_and_deleted_and_the_experiment_tagged() -> None:
    api, asked = runs()
    api.fail_run("r")
    api.delete_run("r")
    api.tag_experiment("7")
    assert asked == [
        ("set_terminated", "r", "FAILED"),
        ("delete_run", "r"),
        ("set_experiment_tag", "7", "fairmind.sync", "delivers here"),
    ]


def test_files_are_read_by_the_same_client() -> None:
    api, asked = runs(download_artifacts=FileNotFoundError())
    assert api.artifacts.read(RunPlace("r", ""), "evidence/a.csv") is None
    assert asked[0][:3] == ("download_artifacts", "r", "evidence/a.csv")


def test_a_run_has_a_page_where_a_public_url_is_known() -> None:
    assert runs()[0].run_url("7", "r") is None
    assert runs("http://pages")[0].run_url("7", "r") == "http://pages/#/experiments/7/runs/r"


CALLS = {
    "search_runs": lambda api: api.find_run("7", "k", "v"),
    "create_run": lambda api: api.create_run("7", "n", START, {}),
    "get_run": lambda api: api.stored_run("r"),
    "log_batch": lambda api: api.log_batch("r", []),
    "log_inputs": lambda api: api.log_dataset("r", DatasetInput("d", "", "", "{}")),
    "get_model_version": lambda api: api.model_version_tags(VERSION),
    "set_model_version_tag": lambda api: api.tag_model_version(VERSION, "a", "b"),
    "set_terminated": lambda api: api.fail_run("r"),
    "delete_run": lambda api: api.delete_run("r"),
}


@pytest.mark.parametrize(("name", "call"), CALLS.items())
def test_what_a_plugins_store_raises_leaves_doubt(name: str, call: Any) -> None:
    api, _ = runs(**{name: KeyError("odd")})
    with pytest.raises(UncertainError, match=r"^KeyError: 'odd'$"):
        call(api)


def test_what_is_ours_is_raised_as_it_is() -> None:
    api, _ = runs(delete_run=LeaseLostError("ours"))
    with pytest.raises(LeaseLostError, match="ours"):
        api.delete_run("r")


def raised(error: Exception) -> tuple[type[Exception], str, str]:
    api, _ = runs(delete_run=error)
    with pytest.raises(Exception) as caught:  # noqa: PT011 which one is what is compared
        api.delete_run("r")
    assert caught.value.__cause__ is error
    return caught.type, str(caught.value), getattr(caught.value, "code", "")


OF_A_FILE = [
    "(sqlite3.OperationalError) attempt to write a readonly database",
    "(sqlite3.DatabaseError) file is not a database",
    "(sqlite3.OperationalError) database or disk is full",
    "(sqlite3.OperationalError) no such table: runs",
]


@pytest.mark.parametrize("words", OF_A_FILE)
def test_a_database_file_that_somebody_has_to_put_right_blocks(words: str) -> None:
    told = (
        f"the database file in MLFLOW_TRACKING_URI can't be used: {words}. "
        "Check the file, its folder and their modes."
    )
    error = PACKAGE.exceptions().MlflowException(words)
    assert raised(error) == (ProviderBlockedError, told, "")


@pytest.mark.parametrize(
    "code", ["INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"]
)
def test_a_store_that_fails_leaves_doubt(code: str) -> None:
    error = PACKAGE.exceptions().RestException({"error_code": code, "message": "bad"})
    assert raised(error) == (UncertainError, f"{code}: bad", "")


def test_what_the_store_refuses_is_told_with_its_code() -> None:
    error = PACKAGE.exceptions().RestException({"error_code": "INVALID_STATE", "message": "no"})
    assert raised(error) == (MlflowRefusedError, "INVALID_STATE: no", "INVALID_STATE")


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "PERMISSION_DENIED"])
def test_credentials_that_a_plugins_server_refuses_block(code: str) -> None:
    error = PACKAGE.exceptions().RestException({"error_code": code, "message": "no"})
    told = f"MLflow refuses our credentials: {code}: no"
    assert raised(error) == (ProviderBlockedError, told, "")
