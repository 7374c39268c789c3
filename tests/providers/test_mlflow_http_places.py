"""Workspaces, pages and files of an MLflow server: the requests, and what each reply means."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.mlflow.http_client import Reply, Request
from fairmind_sync.providers.mlflow.runs_api import (
    RunPlace,
    ServerFailedError,
    StoreRefusedError,
    UncertainError,
)
from fairmind_sync.results.model_version import ModelVersion
from tests.providers.test_mlflow_http_runs import FIND, reply, runs

ODD_VERSIONS = [{"model_version": []}, {"model_version": {"tags": [1]}}, {"model_version": None}]
INFO = Request("GET", "/api/3.0/mlflow/server-info")
THERE = reply({"experiment": {"experiment_id": "7"}})
PROXIED = RunPlace("r", "mlflow-artifacts:/7/r/X/")
BUCKET = RunPlace("r", "s3://bucket/7/r")
PAGE = {"run_uuid": "r", "path": "evidence/a b.csv"}
FILE = "/api/2.0/mlflow-artifacts/artifacts/7/r/X/evidence/a%20b.csv"


@pytest.mark.parametrize(
    ("workspace", "query"),
    [("", ""), ("default", ""), ("X a/b", "?workspace=X%20a%2Fb")],
)
def test_a_runs_page_is_in_its_workspace(
    monkeypatch: pytest.MonkeyPatch, workspace: str, query: str
) -> None:
    monkeypatch.setenv("MLFLOW_WORKSPACE", workspace)
    api, _ = runs()
    assert api.run_url("7", "r") == f"http://pages/#/experiments/7/runs/r{query}"


def test_a_server_with_workspaces_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
    api, asked = runs(reply({"workspaces_enabled": True}), THERE)
    assert (api.experiment_id("e"), asked) == ("7", [INFO, FIND])


@pytest.mark.parametrize(
    "info",
    [
        reply({"workspaces_enabled": False}),
        reply({}),
        reply([]),
        Reply(200, b"<html>"),
        Reply(404, b"not found"),
    ],
)
def test_a_server_without_workspaces_blocks(monkeypatch: pytest.MonkeyPatch, info: Reply) -> None:
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
    api, asked = runs(info, THERE)
    with pytest.raises(ProviderBlockedError) as blocked:
        api.experiment_id("e")
    assert str(blocked.value) == (
        "MLFLOW_WORKSPACE is set, but the MLflow server has no workspaces. Unset it, or start the "
        "server with --enable-workspaces."
    )
    assert asked == [INFO]


def test_a_server_that_is_away_says_nothing_of_workspaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
    api, _ = runs(Reply(503, b"away"))
    with pytest.raises(ProviderOfflineError, match="answers 503: away"):
        api.experiment_id("e")


def test_a_file_goes_through_the_proxy_where_that_has_the_run() -> None:
    api, asked = runs(Reply(200), Reply(201, b"x"))
    api.artifacts.store(PROXIED, "evidence/a b.csv", b"x")
    assert api.artifacts.read(PROXIED, "evidence/a b.csv") == b"x"
    assert asked == [
        Request("PUT", FILE, content=b"x", apart=True),
        Request("GET", FILE, apart=True),
    ]


@pytest.mark.parametrize(
    "run", [BUCKET, RunPlace("r", "mlflow-artifacts://host/7"), RunPlace("r", "")]
)
def test_a_file_goes_by_the_servers_page_elsewhere(run: RunPlace) -> None:
    api, asked = runs(Reply(204), Reply(200, b"x"))
    api.artifacts.store(run, "evidence/a b.csv", b"x")
    assert api.artifacts.read(run, "evidence/a b.csv") == b"x"
    assert asked == [
        Request("POST", "/ajax-api/2.0/mlflow/upload-artifact", PAGE, content=b"x", apart=True),
        Request("GET", "/get-artifact", PAGE, apart=True),
    ]


@pytest.mark.parametrize("status", [404, 500])
def test_a_file_that_is_not_there_is_none(status: int) -> None:
    api, _ = runs(Reply(status))
    assert api.artifacts.read(BUCKET, "a") is None


SAID = "the MLflow server, asked for the run's files, answers"
LOG = "Its log says why it can't write artifacts: it may lack a package, such as boto3 for s3://, or rights."
GATEWAY = "Check its credentials, and gateways before it."
REFUSALS = [
    (403, StoreRefusedError, f"{SAID} 403. {GATEWAY}"),
    (300, StoreRefusedError, f"{SAID} 300. {GATEWAY}"),
    *((status, UncertainError, f"{SAID} {status}") for status in (408, 429, 502, 503, 504)),
    *((status, ServerFailedError, f"{SAID} {status}. {LOG}") for status in (500, 501)),
]


@pytest.mark.parametrize(("status", "kind", "words"), REFUSALS)
def test_why_a_store_takes_no_file_is_told(status: int, kind: type[Exception], words: str) -> None:
    api, _ = runs(Reply(status, b"<html>"))
    with pytest.raises(kind) as refused:
        api.artifacts.store(BUCKET, "a", b"x")
    assert (refused.type, str(refused.value)) == (kind, words)


def test_a_servers_words_are_told_and_shortened() -> None:
    said = {"error_code": "NO", "message": "m" * 400}
    api, _ = runs(Reply(400, json.dumps(said).encode()))
    with pytest.raises(StoreRefusedError, match=f"{SAID} 400: m+") as refused:
        api.artifacts.read(BUCKET, "a")
    said_by_it = str(refused.value).partition("400: ")[2].partition(". Check")[0]
    assert len(said_by_it) == 300


def test_a_server_that_serves_no_files_is_told_how_to() -> None:
    said = {"error_code": "NO", "message": "artifact serving is disabled here"}
    api, _ = runs(reply(said, 503))
    with pytest.raises(
        StoreRefusedError, match=r"here\. Start the server with --serve-artifacts\.$"
    ):
        api.artifacts.store(PROXIED, "a", b"x")


@pytest.mark.parametrize("said", ODD_VERSIONS)
def test_a_model_version_that_makes_no_sense_is_uncertain(said: object) -> None:
    api, _ = runs(reply(said))
    with pytest.raises(UncertainError, match=r"^the reply to model-versions/get makes no sense$"):
        api.model_version_tags(ModelVersion("credit", "3"))


@pytest.mark.parametrize("data", [[], "no", {"tags": [1]}, {"params": [{}]}])
def test_a_stored_run_whose_data_makes_no_sense_is_uncertain(data: object) -> None:
    api, _ = runs(reply({"run": {"info": {"status": "RUNNING"}, "data": data}}))
    with pytest.raises(UncertainError, match=r"^the reply to runs/get makes no sense$"):
        api.stored_run("r")


@pytest.mark.parametrize("run", [None, {"info": []}, {"info": {"run_id": None}}])
def test_a_made_run_that_makes_no_sense_is_uncertain(run: object) -> None:
    api, _ = runs(reply({"run": run}))
    with pytest.raises(UncertainError, match=r"^the reply to runs/create holds no run id$"):
        api.create_run("7", "n", datetime(2026, 1, 2, tzinfo=UTC), {})
