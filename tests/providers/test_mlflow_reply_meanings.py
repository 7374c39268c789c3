"""What each status and each body of an MLflow server's reply means."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.mlflow.http_client import Reply
from fairmind_sync.providers.mlflow.http_replies import error_of, read_reply
from fairmind_sync.providers.mlflow.runs_api import (
    MlflowRefusedError,
    NotMlflowError,
    UncertainError,
)

HTML = {"Content-Type": "text/html; charset=utf-8"}
CREDENTIALS = (
    "the MLflow server refuses our credentials ({said}). "
    "Check MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN, "
    "and that they may edit the experiment."
)
HOST = (
    "the MLflow server refuses the host name in MLFLOW_TRACKING_URI. "
    "Start it with --allowed-hosts naming that host."
)


def said(code: str, message: str) -> bytes:
    return json.dumps({"error_code": code, "message": message}).encode()


def meaning(reply: Reply, endpoint: str = "runs/create") -> tuple[type[Exception], str]:
    with pytest.raises(
        (ProviderBlockedError, ProviderOfflineError, UncertainError, MlflowRefusedError)
    ) as e:
        read_reply(reply, endpoint)
    return e.type, str(e.value)


def test_what_was_done_is_read() -> None:
    assert read_reply(Reply(200, b'{"a": 1}'), "runs/create") == {"a": 1}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_is_away_is_offline_with_its_words(status: int) -> None:
    found = meaning(Reply(status, b"later"))
    assert found == (ProviderOfflineError, f"the MLflow server answers {status}: later")


def test_a_server_that_is_away_says_for_how_long() -> None:
    with pytest.raises(ProviderOfflineError) as away:
        read_reply(Reply(429, b"", {"Retry-After": "7"}), "runs/create")
    assert away.value.after == timedelta(seconds=7)


@pytest.mark.parametrize("status", [408, 500, 501, 599])
def test_a_server_that_fails_leaves_doubt(status: int) -> None:
    found = meaning(Reply(status, said("INTERNAL_ERROR", "bad")))
    assert found == (UncertainError, f"the MLflow server answers {status}: bad")


PAGE = b"""<!DOCTYPE HTML>
<html><style>b { color: red }</style><body>
  <h1>Error response</h1>
  <p>Error code: 5</p>
</body></html>"""


@pytest.mark.parametrize("status", [501, 505, 511])
@pytest.mark.parametrize("endpoint", ["experiments/get-by-name", "runs/create"])
def test_who_does_not_know_what_was_asked_is_no_mlflow(status: int, endpoint: str) -> None:
    said = f"it says {status} 'Error response Error code: 5'"
    told = f"what answers at MLFLOW_TRACKING_URI is no MLflow server; {said}. Check the address."
    assert meaning(Reply(status, PAGE, HTML), endpoint) == (NotMlflowError, told)


@pytest.mark.parametrize("status", [500, 502])
def test_a_page_is_told_by_its_words_on_one_line(status: int) -> None:
    told = f"the MLflow server answers {status}: Error response Error code: 5"
    assert meaning(Reply(status, PAGE, HTML))[1] == told


@pytest.mark.parametrize(
    "words", [b"Invalid Host header - possible DNS rebinding", said("X", "INVALID HOST HEADER")]
)
def test_a_host_name_that_the_server_refuses_blocks(words: bytes) -> None:
    assert meaning(Reply(403, words)) == (ProviderBlockedError, HOST)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (said("PERMISSION_DENIED", "no"), "no"),
        (b"Permission denied", "Permission denied"),
        (b"You are not authenticated. Sign in", "You are not authenticated. Sign in"),
    ],
)
def test_credentials_that_the_server_refuses_block(status: int, body: bytes, words: str) -> None:
    told = CREDENTIALS.format(said=f"{status}: {words}")
    assert meaning(Reply(status, body)) == (ProviderBlockedError, told)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(403, b"forbidden by the gateway"),
        Reply(302, said("X", "moved")),
        Reply(404, said("ENDPOINT_NOT_FOUND", "no such endpoint")),
        Reply(418, b"a teapot"),
    ],
)
def test_whoever_else_answers_is_no_mlflow(reply: Reply) -> None:
    assert meaning(reply)[0] is NotMlflowError


def test_what_mlflow_refuses_is_told_with_its_code() -> None:
    with pytest.raises(MlflowRefusedError, match=r"^odd$") as refused:
        read_reply(Reply(400, said("INVALID_PARAMETER_VALUE", "odd")), "runs/create")
    assert refused.value.code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("code", ["3o7r", "rvf5", "2j85", "8s2b", "e3q8"])
def test_a_database_that_fails_the_server_leaves_doubt(code: str) -> None:
    words = f"lost (Background on this error at: https://sqlalche.me/e/20/{code})"
    kind, told = meaning(Reply(400, said("BAD_REQUEST", words)))
    assert (kind, told) == (
        UncertainError,
        f"the MLflow server's database fails the server: {words}",
    )


def test_no_json_leaves_doubt() -> None:
    told = (UncertainError, "the server's reply is empty or no JSON")
    assert meaning(Reply(200)) == told
    assert meaning(Reply(200, b"<html>", HTML)) == told
    assert meaning(Reply(200, b"text"), "experiments/create") == told


def test_a_page_in_the_place_of_an_experiment_is_no_mlflow() -> None:
    kind, told = meaning(Reply(200, b"<html>sign in", HTML), "experiments/get-by-name")
    assert (kind, "maybe to sign in" in told) == (NotMlflowError, True)


def test_json_that_is_no_object_leaves_doubt() -> None:
    assert meaning(Reply(200, b"[]")) == (UncertainError, "the server's reply is no JSON object")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (said("A", "b"), ("A", "b")),
        (b'{"error_code": 7}', ("7", "")),
        (b"{}", ("", "{}")),
        (b"[]", ("", "[]")),
        (b"x" * 2001, ("", "x" * 2000)),
    ],
)
def test_an_error_is_read_as_far_as_it_is_mlflows(content: bytes, error: tuple[str, str]) -> None:
    assert error_of(Reply(400, content)) == error
