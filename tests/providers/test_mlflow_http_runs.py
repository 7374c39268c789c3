"""Each call of `RunsApi` as requests to a server's REST API, and what each reply means."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow.http_artifacts import HttpArtifacts
from fairmind_sync.providers.mlflow.http_client import Reply, Request
from fairmind_sync.providers.mlflow.http_runs import HttpRuns
from fairmind_sync.providers.mlflow.http_server import HttpServer
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

START = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
START_MS = 1767323045678
VERSION = ModelVersion("credit", "3")
NO_SUCH = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}
TAKEN = {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "there"}


@dataclass
class Client:
    """Answers from a script, and keeps what it is asked."""

    replies: list[Reply]
    asked: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Reply:
        self.asked.append(request)
        return self.replies.pop(0)


def reply(said: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(said).encode())


def runs(*replies: Reply) -> tuple[HttpRuns, list[Request]]:
    client = Client([*replies])
    server = HttpServer("http://h", client)
    return HttpRuns(server, "http://pages", HttpArtifacts(server)), client.asked


def post(endpoint: str, **said: Any) -> Request:
    return Request("POST", f"/api/2.0/mlflow/{endpoint}", json=said)


def get(endpoint: str, **said: str) -> Request:
    return Request("GET", f"/api/2.0/mlflow/{endpoint}", params=said)


FIND = get("experiments/get-by-name", experiment_name="e")
MAKE = post("experiments/create", name="e")


def test_an_experiment_that_is_there_is_used() -> None:
    api, asked = runs(reply({"experiment": {"experiment_id": 7, "lifecycle_stage": "active"}}))
    assert (api.experiment_id("e"), asked) == ("7", [FIND])


def test_an_experiment_that_is_not_there_is_made() -> None:
    api, asked = runs(reply(NO_SUCH, 404), reply({"experiment_id": "8"}))
    assert (api.experiment_id("e"), asked) == ("8", [FIND, MAKE])


def test_an_experiment_that_somebody_makes_at_the_same_time_is_used() -> None:
    found = reply({"experiment": {"experiment_id": "9"}})
    api, asked = runs(reply(NO_SUCH, 404), reply(TAKEN, 400), found)
    assert (api.experiment_id("e"), asked) == ("9", [FIND, MAKE, FIND])


@pytest.mark.parametrize("said", [{"error_code": "NO", "message": "no"}, TAKEN])
def test_an_experiment_that_can_not_be_made_is_refused(said: dict[str, str]) -> None:
    api, _ = runs(reply(NO_SUCH, 404), reply(said, 400), reply(NO_SUCH, 404))
    with pytest.raises(MlflowRefusedError, match=said["message"]):
        api.experiment_id("e")


def test_a_name_that_is_refused_is_made_by_nobody() -> None:
    api, asked = runs(reply({"error_code": "INVALID", "message": "odd"}, 400))
    with pytest.raises(MlflowRefusedError, match="odd"):
        api.experiment_id("e")
    assert asked == [FIND]


def test_a_deleted_experiment_blocks() -> None:
    api, _ = runs(reply({"experiment": {"experiment_id": "7", "lifecycle_stage": "deleted"}}))
    words = r"^the .* 'e' is deleted.*--experiment-id 7; or set MLFLOW_EXPERIMENT_NAME to another.$"
    with pytest.raises(ProviderBlockedError, match=words):
        api.experiment_id("e")


@pytest.mark.parametrize(
    ("replies", "missing"),
    [([reply({})], "experiment"), ([reply(NO_SUCH, 404), reply({})], "experiment_id")],
)
def test_a_reply_without_its_field_is_uncertain(replies: list[Reply], missing: str) -> None:
    api, _ = runs(*replies)
    with pytest.raises(UncertainError, match=f"^the server's reply holds no {missing}$"):
        api.experiment_id("e")


def test_an_experiment_is_tagged() -> None:
    api, asked = runs(reply({}))
    api.tag_experiment("7")
    tag = {"key": "fairmind.sync", "value": "delivers here"}
    assert asked == [post("experiments/set-experiment-tag", experiment_id="7", **tag)]


@pytest.mark.parametrize(
    ("is_whole", "wanted", "view"),
    [
        (False, "tags.`k` = 'v'", "ALL"),
        (True, "tags.`k` = 'v' and attributes.status = 'FINISHED'", "ACTIVE_ONLY"),
    ],
)
def test_the_earliest_run_of_a_tag_is_looked_for(is_whole: bool, wanted: str, view: str) -> None:
    api, asked = runs(reply({"runs": [{"info": {"run_id": "r"}}, {"info": {"run_id": "s"}}]}))
    assert api.find_run("7", "k", "v", is_whole=is_whole) == "r"
    assert asked == [
        post(
            "runs/search",
            experiment_ids=["7"],
            filter=wanted,
            run_view_type=view,
            order_by=["attributes.start_time ASC"],
            max_results=1,
        )
    ]


def test_where_no_run_has_the_tag_there_is_none() -> None:
    api, _ = runs(reply({}))
    assert api.find_run("7", "k", "v") is None


def test_a_run_is_made_with_its_name_start_and_tags() -> None:
    api, asked = runs(reply({"run": {"info": {"run_id": "r", "artifact_uri": "s3://b"}}}))
    assert api.create_run("7", "n", START, {"a": "b"}) == RunPlace("r", "s3://b")
    tags = [{"key": "a", "value": "b"}]
    made = {"run_name": "n", "start_time": START_MS, "tags": tags}
    assert asked == [post("runs/create", experiment_id="7", **made)]


@pytest.mark.parametrize(
    "said", [{}, {"run": None}, {"run": {"info": {"run_id": ""}}}, {"run": []}]
)
def test_a_run_without_an_id_is_uncertain(said: object) -> None:
    api, _ = runs(reply(said))
    with pytest.raises(UncertainError, match=r"^the reply to runs/create holds no run id$"):
        api.create_run("7", "n", START, {})


def test_a_server_may_not_say_where_artifacts_are() -> None:
    api, _ = runs(reply({"run": {"info": {"run_id": "r"}}}))
    assert api.create_run("7", "n", START, {}) == RunPlace("r", "")


def test_a_stored_run_is_told() -> None:
    data = {
        "tags": [{"key": "a", "value": "b"}],
        "params": [{"key": "p", "value": "1"}],
        "metrics": [{"key": "m", "value": 1}],
    }
    info = {"status": "FINISHED", "lifecycle_stage": "deleted", "artifact_uri": "s3://b"}
    api, asked = runs(reply({"run": {"info": info, "data": data}}))
    whole = StoredRun(
        is_finished=True,
        is_deleted=True,
        tags={"a": "b"},
        params=frozenset({"p"}),
        metrics=frozenset({"m"}),
        artifact_uri="s3://b",
    )
    assert (api.stored_run("r"), asked) == (whole, [get("runs/get", run_id="r")])


def test_a_run_that_holds_nothing_is_told_as_such() -> None:
    api, _ = runs(
        reply({"run": {"info": {"status": "RUNNING"}}}),
        reply({"run": {"info": {"status": "RUNNING"}, "data": {}}}),
    )
    assert [api.stored_run("r"), api.stored_run("r")] == [StoredRun(), StoredRun()]


@pytest.mark.parametrize("said", [{}, {"run": {"info": {}}}, {"run": []}])
def test_a_stored_run_that_makes_no_sense_is_uncertain(said: object) -> None:
    api, _ = runs(reply(said))
    with pytest.raises(UncertainError, match=r"^the reply to runs/get makes no sense$"):
        api.stored_run("r")


def test_a_batch_is_sent_by_kinds_and_nan_as_text() -> None:
    api, asked = runs(reply({}))
    points = [MetricPoint("m", 0.5, 1), MetricPoint("n", float("nan"), 2)]
    api.log_batch("r", [*points, ParamText("p", "x"), TagText("t", "y")])
    assert asked == [
        post(
            "runs/log-batch",
            run_id="r",
            metrics=[
                {"key": "m", "value": 0.5, "timestamp": 1, "step": 0},
                {"key": "n", "value": "NaN", "timestamp": 2, "step": 0},
            ],
            params=[{"key": "p", "value": "x"}],
            tags=[{"key": "t", "value": "y"}],
        )
    ]


def test_a_dataset_is_an_input_for_evaluation() -> None:
    api, asked = runs(reply({}))
    api.log_dataset("r", DatasetInput("d", "abc", "code", "{}"))
    described = {"name": "d", "digest": "abc", "source_type": "code", "source": "{}"}
    used = {"tags": [{"key": "mlflow.data.context", "value": "evaluation"}], "dataset": described}
    assert asked == [post("runs/log-inputs", run_id="r", datasets=[used])]


def test_a_model_versions_tags_are_told() -> None:
    tags = {"tags": [{"key": "a", "value": 1}]}
    api, asked = runs(reply({"model_version": tags}), reply({"model_version": {}}))
    assert [api.model_version_tags(VERSION), api.model_version_tags(VERSION)] == [{"a": "1"}, {}]
    assert asked[0] == get("model-versions/get", name="credit", version="3")


def test_a_model_version_that_makes_no_sense_is_uncertain() -> None:
    api, _ = runs(reply({}))
    with pytest.raises(UncertainError, match=r"^the reply to model-versions/get makes no sense$"):
        api.model_version_tags(VERSION)


def test_a_model_version_is_tagged() -> None:
    api, asked = runs(reply({}))
    api.tag_model_version(VERSION, "a", "b")
    said = {"name": "credit", "version": "3", "key": "a", "value": "b"}
    assert asked == [post("model-versions/set-tag", **said)]


def test_a_run_is_finished_once_the_server_says_so() -> None:
    api, asked = runs(reply({"run_info": {"run_id": "r", "status": "FINISHED"}}))
    api.finish_run("r", START)
    said = {"run_id": "r", "status": "FINISHED", "end_time": START_MS}
    assert asked == [post("runs/update", **said)]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"run_info": {"run_id": "r", "status": "RUNNING"}},
        {"run_info": {"run_id": "s", "status": "FINISHED"}},
    ],
)
def test_an_end_that_the_server_does_not_confirm_is_uncertain(said: object) -> None:
    api, _ = runs(reply(said))
    words = r"^the reply to runs/update doesn't confirm that the run is finished$"
    with pytest.raises(UncertainError, match=words):
        api.finish_run("r", START)


def tagged(run: str, key: str) -> dict[str, Any]:
    return {"info": {"run_id": run}, "data": {"tags": [{"key": key, "value": f"of {run}"}]}}


def test_unfinished_failed_and_deleted_runs_are_told_by_their_tag() -> None:
    found = reply({"runs": [tagged("r", "k"), tagged("s", "other")]})
    api, asked = runs(found, found, reply({}), found)
    asks = (api.unfinished_runs, api.failed_runs, api.deleted_runs, api.deleted_runs)
    assert [call("7", "k") for call in asks] == [[("r", "of r")]] * 2 + [[]] + [[("r", "of r")]]
    searched = {"experiment_ids": ["7"], "max_results": 1000}
    status = "attributes.status = '{}' AND tags.`k` LIKE '%'".format
    assert asked[:3] == [
        *(post("runs/search", **searched, filter=status(one)) for one in ("RUNNING", "FAILED")),
        post("runs/search", **searched, filter="tags.`k` LIKE '%'", run_view_type="DELETED_ONLY"),
    ]


def test_a_run_is_failed_and_deleted() -> None:
    api, asked = runs(reply({}), reply({}))
    api.fail_run("r")
    api.delete_run("r")
    assert asked == [
        post("runs/update", run_id="r", status="FAILED"),
        post("runs/delete", run_id="r"),
    ]
