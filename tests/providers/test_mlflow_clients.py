"""Both clients of MLflow's REST API, ours and that of MLflow's package, send the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fairmind_sync.providers.mlflow.http_client import Reply, Request
from tests.providers.rest_clients import JSON, NotingServer, both

pytestmark = pytest.mark.usefixtures("home")


REQUESTS = {
    "get": Request("GET", "/get", params={"run_id": "a b&c/ü"}),
    "post": JSON,
    "file": Request("PUT", "/file", content=b"\x00content", apart=True),
    "file by the page": Request("POST", "/page", {"path": "evidence/a.csv"}, content=b"a,b\n"),
}
USER = {"MLFLOW_TRACKING_USERNAME": "ann"}
PASSWORD = {"MLFLOW_TRACKING_PASSWORD": "her: wörd"}
TOKEN = {"MLFLOW_TRACKING_TOKEN": "of-mlflow"}
VARIABLES: dict[str, dict[str, str]] = {
    "nothing": {},
    "user and password": USER | PASSWORD,
    "a user without password": USER,
    "a token": TOKEN,
    "a token beside user and password": USER | PASSWORD | TOKEN,
    "a token beside a user": USER | TOKEN,
    "a workspace": {"MLFLOW_WORKSPACE": " team-a "},
    "an empty token": {"MLFLOW_TRACKING_TOKEN": ""},
}
FILES = {
    "both": "[mlflow]\nmlflow_tracking_username = ann\nmlflow_tracking_password = hers\n",
    "an escaped %": "[mlflow]\nmlflow_tracking_username = ann\nmlflow_tracking_password = a%%b\n",
    "a password": "[mlflow]\nmlflow_tracking_password = hers\n",
    "another section": "[other]\nmlflow_tracking_username = ann\n",
}


def sent_by_both(
    noting_server: NotingServer, request: Request = JSON, named: str = ""
) -> list[Any]:
    uri = f"http://{named}127.0.0.1:{noting_server.port}/prefix"
    replies = both(uri, lambda client: client.send(request))
    assert {(reply.status, reply.content) for reply in replies if isinstance(reply, Reply)} == {
        (200, b'{"is": "done"}')
    }
    return noting_server.asked


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_request_is_the_same(noting_server: NotingServer, request_: Request) -> None:
    thin, package = sent_by_both(noting_server, request_)
    assert thin == package


@pytest.mark.parametrize("variables", VARIABLES.values(), ids=VARIABLES)
def test_variables_mean_the_same(
    noting_server: NotingServer, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    thin, package = sent_by_both(noting_server)
    assert thin == package


@pytest.mark.parametrize("variables", [{}, USER, TOKEN], ids=["alone", "a user", "a token"])
@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_the_file_of_credentials_means_the_same(
    noting_server: NotingServer,
    home: Path,
    text: str,
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (home / ".mlflow").mkdir()
    (home / ".mlflow/credentials").write_text(text)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    thin, package = sent_by_both(noting_server)
    assert thin == package


@pytest.mark.parametrize("named", ["ann:her%40word@", "ann@", ":word@"])
def test_user_and_password_in_the_address_mean_the_same(
    noting_server: NotingServer, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "of-mlflow")
    thin, package = sent_by_both(noting_server, named=named)
    assert thin == package


def test_a_netrc_file_is_for_nobody(
    noting_server: NotingServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login user password of-wandb\n")
    thin, package = sent_by_both(noting_server)
    assert (thin[2]["Authorization"], package[2]["Authorization"]) == (None, None)
