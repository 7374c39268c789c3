"""Both clients of MLflow's REST API, and a server that notes what it is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairmind_sync.providers.mlflow.http_client import HttpClient, Request
from fairmind_sync.providers.mlflow.thin_client import ThinClient
from tests.standins import loopback
from tests.standins.faults import Faults


def of_the_package(uri: str) -> HttpClient:
    """MLflow's own client, whose import takes seconds: each process of a run collects this module."""
    from fairmind_sync.providers.mlflow import package_client

    return package_client.client_of(uri)


CLIENTS: dict[str, Callable[[str], HttpClient]] = {"thin": ThinClient, "package": of_the_package}
JSON = Request("POST", "/api/2.0/mlflow/runs/create", json={"name": "größer", "value": "NaN"})
_SENT = ("Authorization", "User-Agent", "X-MLflow-Client-Version", "X-MLFLOW-WORKSPACE")
_BODY = ("Content-Type", "Content-Length")


class NotingHandler(loopback.FaultyHandler):
    """Notes what it is asked."""

    def _answer(self) -> None:
        body = self.read_body()
        asked, faults, reply = self.server.owner
        headers = {name: self.headers.get(name) for name in (*_SENT, *(_BODY if body else ()))}
        asked.append((self.command, self.path, headers, body))
        self.serve("any", faults, lambda: reply)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 names that http.server looks for


class NotingServer:
    """`asked` are method, path, headers and body of each request; `faults` disturb."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.faults = Faults()
        self._server = loopback.LoopbackServer(
            0, NotingHandler, (self.asked, self.faults, loopback.json_reply({"is": "done"}))
        )
        self._server.start()
        self.port = self._server.server_port

    def stop(self) -> None:
        self._server.stop()


def both(uri: str, do: Callable[[HttpClient], object]) -> tuple[object, object]:
    """What comes of the same with either client."""
    thin, package = (do(make(uri)) for make in CLIENTS.values())
    return thin, package
