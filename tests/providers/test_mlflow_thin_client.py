"""What our own client of MLflow hands to its connections, and what their answers become; nothing is sent."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import LocationValueError, ProtocolError

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow import thin_client
from fairmind_sync.providers.mlflow.http_client import (
    NoReplyError,
    Reply,
    Request,
    UnusableSettingError,
)
from fairmind_sync.providers.mlflow.thin_client import ThinClient
from fairmind_sync.providers.mlflow.tracking_variables import Certificates


class Connections:
    """In the place of two pools, which answer or raise `answer`; `asked` begins with the pool's number."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.opened: list[Any] = []
        self.asked: list[Any] = []
        self.answer: Any = urllib3.HTTPResponse(b"done", {"A": "b"}, status=201)
        patched.setattr(thin_client, "pools_to", self._pools_to)
        patched.setattr(thin_client, "version", lambda package: f"of {package}")

    def _pools_to(self, *given: object) -> Any:
        self.opened.append(given)
        return lambda: NotedPool(self, len(self.opened))


@dataclass
class NotedPool:
    connections: Connections
    number: int

    def __post_init__(self) -> None:
        self.connections.opened.append("a pool")

    def request(self, *words: str, **given: Any) -> Any:
        self.connections.asked.append((self.number, *words, given))
        if isinstance(self.connections.answer, Exception):
            raise self.connections.answer
        return self.connections.answer


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return Connections(monkeypatch)


def headers(uri: str = "http://h") -> dict[str, str]:
    return thin_client._headers(uri)


OF_MLFLOW = {
    "User-Agent": "mlflow-python-client/of mlflow",
    "X-MLflow-Client-Version": "of mlflow",
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
}
ONCE = {"retries": False, "redirect": False}


def test_a_request_goes_once_with_headers_and_a_time_out(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    client = ThinClient("http://ann:pw@h/p")
    assert connections.opened == [("http://h/p", Certificates()), "a pool", "a pool"]
    found = client.send(Request("GET", "/a", params={"b": "c d"}))
    assert found == Reply(201, b"done", connections.answer.headers)
    ((number, method, url, given),) = connections.asked
    assert (number, method, url) == (1, "GET", "http://h/p/a?b=c+d")
    assert given.pop("timeout").total == 7.0
    basic = {"Authorization": "Basic YW5uOnB3"}
    assert given == {"body": None, "headers": OF_MLFLOW | basic, **ONCE}


def sent(connections: Connections, request: Request) -> tuple[int, str, Any, Any]:
    ThinClient("http://h").send(request)
    ((number, _, url, given),) = connections.asked
    return number, url, given["body"], given["headers"]


def test_json_is_sent_as_such(connections: Connections) -> None:
    typed = OF_MLFLOW | {"Content-Type": "application/json"}
    asked = Request("POST", "/a", json={"b": "ü"})
    assert sent(connections, asked) == (1, "http://h/a", b'{"b": "\\u00fc"}', typed)


def test_json_without_fields_is_json_too(connections: Connections) -> None:
    assert sent(connections, Request("POST", "/a", json={}))[2] == b"{}"


def test_what_is_no_json_is_not_sent(connections: Connections) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        ThinClient("http://h").send(Request("POST", "/a", json={"b": float("nan")}))
    assert connections.asked == []


def test_files_go_by_connections_of_their_own(connections: Connections) -> None:
    asked = Request("PUT", "/a", content=b"a,b\n", apart=True)
    assert sent(connections, asked) == (2, "http://h/a", b"a,b\n", OF_MLFLOW)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (LocationValueError("no host"), UnusableSettingError),
        (ProtocolError("cut"), NoReplyError),
        (OSError("cut"), NoReplyError),
    ],
)
def test_no_reply_says_why(connections: Connections, error: Exception, kind: type) -> None:
    connections.answer = error
    with pytest.raises(NoReplyError) as caught:
        ThinClient("http://h").send(Request("GET", "/a"))
    told = (caught.type, str(caught.value), caught.value.__cause__)
    assert told == (kind, str(error), error)


USER, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
TOKEN = "MLFLOW_TRACKING_TOKEN"  # noqa: S105 a variable's name
BASIC = "Basic YW5uOmg6w7Y="
"""Of ann and her password."""


@pytest.mark.usefixtures("connections")
class TestHeaders:
    @pytest.mark.parametrize(
        ("uri", "variables", "told"),
        [
            ("http://h", {}, None),
            ("http://h", {USER: "ann", PASSWORD: "h:ö"}, BASIC),
            ("http://h", {USER: "ann", PASSWORD: "h:ö", TOKEN: "t"}, BASIC),
            ("http://h", {USER: "ann", TOKEN: "t"}, "Bearer t"),
            ("http://h", {PASSWORD: "h:ö", TOKEN: "t"}, "Bearer t"),
            ("http://h", {USER: "ann"}, None),
            ("http://ann:h%3A%C3%B6@h", {TOKEN: "t"}, BASIC),
            ("http://%61nn:h%3A%C3%B6@h", {}, BASIC),
            ("http://ann@h", {TOKEN: "t"}, "Bearer t"),
        ],
    )
    def test_credentials_are_those_of_the_address_or_of_variables(
        self,
        monkeypatch: pytest.MonkeyPatch,
        uri: str,
        variables: dict[str, str],
        told: str | None,
    ) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert headers(uri) == OF_MLFLOW | ({"Authorization": told} if told else {})

    def test_a_workspace_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
        assert headers() == OF_MLFLOW | {"X-MLFLOW-WORKSPACE": "team"}

    @pytest.mark.parametrize(
        ("variable", "value"), [(TOKEN, "tökén"), (TOKEN, "t\tt"), ("MLFLOW_WORKSPACE", "é")]
    )
    def test_what_no_header_can_carry_blocks(
        self, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
    ) -> None:
        monkeypatch.setenv(variable, value)
        with pytest.raises(ProviderBlockedError) as blocked:
            headers()
        words = f"{variable} holds a character that no HTTP header can carry. Copy it once more."
        assert str(blocked.value) == words

    @pytest.mark.parametrize(
        ("installed", "told"),
        [
            (("mlflow", "mlflow-skinny"), "of mlflow"),
            (("mlflow-skinny",), "of mlflow-skinny"),
            ((), "unknown"),
        ],
    )
    def test_the_version_is_that_of_the_installed_package(
        self, monkeypatch: pytest.MonkeyPatch, installed: tuple[str, ...], told: str
    ) -> None:
        def version(package: str) -> str:
            if package not in installed:
                raise importlib.metadata.PackageNotFoundError(package)
            return f"of {package}"

        monkeypatch.setattr(thin_client, "version", version)
        assert headers()["X-MLflow-Client-Version"] == told


def test_certificates_that_variables_name_are_handed_on(
    connections: Connections, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    ThinClient(f"https://h/{tmp_path.name}")
    assert connections.opened[0][1] == Certificates(are_checked=False)
