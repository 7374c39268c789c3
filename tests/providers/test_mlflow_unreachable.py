"""What becomes of a request to MLflow's server without a reply, and what traces are told; nothing is sent."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
)

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers import tls
from fairmind_sync.providers.mlflow.http_client import (
    NoReplyError,
    Reply,
    Request,
    UnusableSettingError,
)
from fairmind_sync.providers.mlflow.http_server import VARIABLES, HttpServer
from fairmind_sync.providers.mlflow.runs_api import NotMlflowError, NotSentError, UncertainError
from tests.providers.noted_requests import noted_requests

URI = "http://ann:pw@h"
RUN = Request("POST", "/api/2.0/mlflow/runs/create")
FIRST = [
    Request("GET", "/api/3.0/mlflow/server-info"),
    Request("GET", "/api/2.0/mlflow/experiments/get-by-name"),
]


class Scripted:
    """A client that raises or answers what it is given, in turn."""

    def __init__(self, *answers: Reply | Exception) -> None:
        self.answers = [*answers]

    def send(self, _request: Request) -> Reply:
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


def no_reply(cause: Exception) -> Exception:
    return caused(NoReplyError(f"no reply: {cause}"), cause)


def raised(error: Exception, request: Request = RUN) -> Any:
    with pytest.raises(Exception) as caught:  # noqa: PT011 which one is what is compared
        HttpServer(URI, Scripted(error)).send(request)
    assert caught.value.__cause__ is error
    return caught.value


def told(error: Exception, request: Request = RUN) -> tuple[type, str]:
    found = raised(error, request)
    return type(found), str(found)


CONNECTION = HTTPConnection("h")


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (NewConnectionError(CONNECTION, "refused"), "refused"),
        (caused(ConnectTimeoutError(CONNECTION, "slow"), TimeoutError("timed out")), "timed out"),
        (ProxyError("no proxy", OSError("refused")), "refused"),
    ],
)
def test_a_request_that_found_nobody_was_not_sent(cause: Exception, words: str) -> None:
    found = raised(no_reply(cause))
    said = f"the MLflow server can't be reached: {words}"
    assert (type(found), str(found), found.address) == (NotSentError, said, "http://h")


def test_a_request_that_was_cut_may_have_worked() -> None:
    cut = ProtocolError("aborted", ConnectionResetError("reset at token=secret"))
    error = no_reply(cut)
    assert told(error) == (UncertainError, "reset at token=[hidden]")


def test_a_request_of_tls_that_the_set_up_rules_out_blocks() -> None:
    refused = ssl.SSLCertVerificationError(1, "refused")
    refused.verify_code, refused.verify_message = 20, "unknown"
    words = (
        "the MLflow server's certificate is refused: unknown. Have MLFLOW_TRACKING_SERVER_CERT_PATH or "
        "REQUESTS_CA_BUNDLE name a file with its authority's certificate, or set "
        "MLFLOW_TRACKING_INSECURE_TLS=true to check none."
    )
    assert told(no_reply(SSLError(refused))) == (ProviderBlockedError, words)


def test_a_proxy_that_refuses_blocks() -> None:
    refused = ProxyError("no tunnel", OSError("Tunnel connection failed: 407 Password"))
    words = "the proxy refuses us (407). Check user and password in HTTP_PROXY and HTTPS_PROXY."
    assert told(no_reply(refused)) == (ProviderBlockedError, words)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("Missing dependencies for SOCKS support", "Run: pip install 'requests[socks]'."),
        ("odd", "Check MLFLOW_TRACKING_*, and the variables of proxies and certificates."),
    ],
)
def test_a_setting_that_can_not_be_used_blocks(words: str, remedy: str) -> None:
    error = UnusableSettingError(f"{words} password=secret")
    wrong = f"MLflow can't be asked as it is set up: {words} password=[hidden] {remedy}"
    assert told(error) == (ProviderBlockedError, wrong)


class TestALook:
    """At a server that cuts the first request of a probe."""

    @pytest.fixture
    def looks(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        looks: list[Any] = []

        def look(*given: object) -> str | None:
            looks.append(given)
            return "it wants a certificate"

        monkeypatch.setattr(tls, "look", look)
        return looks

    @pytest.mark.parametrize("request_", FIRST)
    def test_a_probe_looks(self, looks: list[Any], request_: Request) -> None:
        error = no_reply(ConnectionResetError("reset"))
        assert told(error, request_) == (ProviderBlockedError, "it wants a certificate")
        assert looks == [(error, URI, VARIABLES)]

    def test_another_request_does_not(self, looks: list[Any]) -> None:
        assert told(no_reply(ConnectionResetError("reset"))) == (UncertainError, "reset")
        assert looks == []

    def test_a_look_may_find_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tls, "look", lambda *_: None)
        assert told(no_reply(ConnectionResetError("reset")), FIRST[0])[0] is UncertainError


@pytest.mark.parametrize(
    ("path", "what"),
    [("/api/2.0/mlflow/runs/create", "runs/create"), ("/get-artifact", "artifact")],
)
def test_a_trace_is_told_of_each_request_and_its_status(
    monkeypatch: pytest.MonkeyPatch, path: str, what: str
) -> None:
    noted = noted_requests(monkeypatch)
    HttpServer(URI, Scripted(Reply(418))).send(Request("PUT", path))
    assert noted == [("PUT", what, URI, path), 418]


PAGE = Reply(200, b"<html>", {"Content-Type": "text/html"})


def test_a_single_page_in_the_place_of_an_experiment_is_a_disturbance() -> None:
    server = HttpServer(URI, Scripted(PAGE, Reply(200, b'{"a": 1}')))
    assert server.call("GET", "experiments/get-by-name") == {"a": 1}


def test_two_pages_are_no_mlflow() -> None:
    server = HttpServer(URI, Scripted(PAGE, PAGE))
    with pytest.raises(NotMlflowError):
        server.call("POST", "experiments/create")


def test_another_request_is_sent_once() -> None:
    client = Scripted(PAGE, PAGE)
    with pytest.raises(UncertainError):
        HttpServer(URI, client).call("POST", "runs/create")
    assert client.answers == [PAGE]
