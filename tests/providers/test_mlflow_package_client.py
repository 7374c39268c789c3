"""What MLflow's own package is handed for a request, and what its errors mean; nothing is sent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import requests
from requests.auth import HTTPBasicAuth

from fairmind_sync.providers.mlflow.http_client import (
    NoReplyError,
    Reply,
    Request,
    UnusableSettingError,
)
from tests.providers.mlflow_package import MlflowPackage

PACKAGE = MlflowPackage()
ONCE = {"max_retries": 0, "raise_on_status": False, "allow_redirects": False, "timeout": 7.0}


class HttpRequest:
    """In the place of MLflow's `http_request`: answers, or raises `trouble`."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.module = PACKAGE.of_ours("package_client")
        self.asked: list[Any] = []
        self.installed: list[str] = []
        self.trouble: Exception | None = None
        patched.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
        patched.setattr(self.module, "http_request", self._asked)
        patched.setattr(self.module.quick_connections, "install", self._quick)
        patched.setattr(self.module.absent_modules, "remember", self._remember)

    def _quick(self) -> None:
        self.installed.append("quick connections")

    def _remember(self) -> None:
        self.installed.append("absent modules")

    def _asked(self, *words: object, **given: object) -> object:
        self.asked.append((words, given))
        if self.trouble:
            raise self.trouble
        return SimpleNamespace(status_code=201, content=b"done", headers={"A": "b"})

    def client(self) -> Any:
        return self.module.PackageClient(lambda: "credentials", "sign")


@pytest.fixture
def http(monkeypatch: pytest.MonkeyPatch) -> HttpRequest:
    return HttpRequest(monkeypatch)


@pytest.mark.parametrize(
    ("request_", "carried"),
    [
        (Request("GET", "/a", params={"b": "c"}), {"params": {"b": "c"}}),
        (Request("GET", "/a", json={"b": "c"}), {"json": {"b": "c"}}),
        (
            Request("GET", "/a", content=b"a,b\n", apart=True),
            {"data": b"a,b\n", "backoff_factor": 3},
        ),
    ],
)
def test_a_request_goes_once_by_the_package(
    http: HttpRequest, request_: Request, carried: dict[str, Any]
) -> None:
    assert http.client().send(request_) == Reply(201, b"done", {"A": "b"})
    given = {"auth": "sign", **ONCE, **carried}
    assert http.asked == [(("credentials", "/a", "GET"), given)]
    assert http.installed == ["quick connections", "absent modules"]


CAUSES = [
    (requests.exceptions.InvalidSchema("odd"), UnusableSettingError),
    (requests.exceptions.InvalidURL("odd"), UnusableSettingError),
    (requests.exceptions.InvalidHeader("odd"), UnusableSettingError),
    (requests.exceptions.MissingSchema("odd"), UnusableSettingError),
    (OSError("Could not find a suitable TLS CA certificate bundle"), UnusableSettingError),
    (OSError("cut"), NoReplyError),
    (ConnectionResetError("TLS was cut"), NoReplyError),
    (requests.exceptions.ReadTimeout("slow"), NoReplyError),
]


@pytest.mark.parametrize(("cause", "kind"), CAUSES)
def test_no_reply_says_whether_a_request_began(
    http: HttpRequest, cause: Exception, kind: type[Exception]
) -> None:
    http.trouble = error = PACKAGE.exceptions().MlflowException("API request failed")
    error.__cause__ = cause
    with pytest.raises(NoReplyError) as caught:
        http.client().send(Request("GET", "/a"))
    told = (caught.type, str(caught.value), caught.value.__cause__)
    assert told == (kind, "API request failed", error)


def test_what_mlflow_checks_itself_is_of_the_settings(http: HttpRequest) -> None:
    http.trouble = PACKAGE.exceptions().MlflowException.invalid_parameter_value("odd")
    with pytest.raises(UnusableSettingError, match=r"^odd$"):
        http.client().send(Request("GET", "/a"))


@pytest.mark.parametrize(
    ("given", "auth"),
    [
        ("ann:her%40word@", HTTPBasicAuth("ann", "her@word")),
        ("ann:@", HTTPBasicAuth("ann", "")),
        (":word@", HTTPBasicAuth("", "word")),
    ],
)
def test_user_and_password_in_the_address_sign(
    http: HttpRequest, given: str, auth: HTTPBasicAuth
) -> None:
    client = http.module.client_of(f"http://{given}h")
    assert (client._sign, client._host_creds().host) == (auth, f"http://{given}h")


def test_without_these_a_request_stays_as_mlflow_made_it(http: HttpRequest) -> None:
    request = requests.Request("GET", "http://h").prepare()
    assert http.module.client_of("http://h")._sign(request) is request
