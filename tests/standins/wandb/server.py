"""The HTTP side of the stand-in."""

from __future__ import annotations

import base64
import gzip
import html
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from tests.standins.faults import Faults
from tests.standins.loopback import FaultyHandler, LoopbackServer, Reply, json_reply
from tests.standins.wandb import graphql
from tests.standins.wandb.kinds import Fault, general
from tests.standins.wandb.state import StandInRun, Store

ACCESS_TOKEN = "given-for-an-identity-token"  # noqa: S105 nobody's


class StandInWandb:
    """The service: its state outlives stop() and start(), which keep the port."""

    def __init__(self, api_keys: set[str] | None = None, port: int = 0) -> None:
        self.api_keys = api_keys
        self.store = Store()
        self.faults = Faults()
        self.latency_s = 0.0
        self.word_of_gateway: str | None = None
        """What a request has to bring along as X-Gateway."""
        self._port = port
        self._server: LoopbackServer | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def runs(self) -> dict[str, StandInRun]:
        return self.store.runs

    def start(self) -> None:
        self._server = LoopbackServer(self._port, _Handler, owner=self)
        self._port = self._server.server_port
        self._server.start()

    def stop(self) -> None:
        """From now on connections are refused, and those that were open are cut."""
        if self._server is not None:
            self._server.stop()
            self._server = None


@contextmanager
def serve_wandb(api_keys: set[str] | None = None, port: int = 0) -> Iterator[StandInWandb]:
    """A stand-in in this process; None as `api_keys` takes any key."""
    standin = StandInWandb(api_keys, port)
    standin.start()
    try:
        yield standin
    finally:
        standin.stop()


class _Handler(FaultyHandler):
    def do_GET(self) -> None:
        if self.path == "/standin/runs":
            self.reply(json_reply([asdict(run) for run in self._standin.runs.values()]))
        elif self.path == "/standin/requests":
            self.reply(json_reply(dict(self._standin.store.requests)))
        else:
            run = self._standin.runs.get(self.path.rsplit("/", 1)[-1])
            title = html.escape(run.display_name) if run else "no such run"
            status = HTTPStatus.OK if run else HTTPStatus.NOT_FOUND
            page = f"<!doctype html><title>{title}</title>".encode()
            self.reply(Reply(page, status, "text/html"))

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/standin/faults":
            self._standin.faults.replace(Fault(**rule) for rule in json.loads(body))
            self.reply(json_reply({}))
        elif self.path == "/oidc/token":
            self.reply(json_reply({"access_token": ACCESS_TOKEN, "expires_in": 3600}))
        elif self.path == "/graphql":
            self._graphql(json.loads(body))
        else:
            lines = json.loads(body)
            kind = "file_stream_complete" if lines.get("complete") else "file_stream"
            self._served(kind, lambda: self._stream(lines))

    def do_PUT(self) -> None:
        body = self._body()
        _, _, run_id, name = self.path.split("/", 3)

        def work() -> dict[str, Any]:
            self._standin.runs[run_id].files[name] = body
            return {}

        self._served("put", work, is_signed=True)

    def do_DELETE(self) -> None:
        self._standin.store.delete(self.path.rsplit("/", 1)[-1])
        self.reply(json_reply({}))

    @property
    def _standin(self) -> StandInWandb:
        owner = self.server.owner
        assert isinstance(owner, StandInWandb)
        return owner

    def _graphql(self, request: dict[str, Any]) -> None:
        query, values = request.get("query", ""), request.get("variables") or {}

        def work() -> dict[str, Any]:
            return {
                "data": graphql.answer(self._standin.store, query, values, self._standin.base_url)
            }

        self._served(graphql.kind_of(query, values), work)

    def _stream(self, body: dict[str, Any]) -> dict[str, Any]:
        self._standin.store.stream(self.path.split("/")[-2], body)
        return {"exitcode": None, "limits": {}}

    def _served(
        self, kind: str, work: Callable[[], dict[str, Any]], *, is_signed: bool = False
    ) -> None:
        """With `is_signed`, the address itself is the proof of the client's rights, as a bucket's is."""
        self._standin.store.requests[general(kind)] += 1
        if self._standin.latency_s:
            time.sleep(self._standin.latency_s)
        if is_signed or self._is_authorised():
            self.serve(kind, self._standin.faults, lambda: _answer(work))
        else:
            self.reply(json_reply({"error": "invalid API key"}, HTTPStatus.UNAUTHORIZED))

    def _is_authorised(self) -> bool:
        if self.headers.get("X-Gateway") != self._standin.word_of_gateway:
            return False
        if self._standin.api_keys is None:
            return True
        scheme, _, value = (self.headers.get("Authorization") or "").partition(" ")
        if (scheme, value) == ("Bearer", ACCESS_TOKEN):
            return True
        if scheme != "Basic":
            return False
        return base64.b64decode(value).decode().partition(":")[2] in self._standin.api_keys

    def _body(self) -> bytes:
        body = self.read_body()
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body


def _answer(work: Callable[[], dict[str, Any]]) -> Reply:
    try:
        return json_reply(work())
    except graphql.DeletedRunError:
        message = "this run was previously created and deleted; try a new run name"
        return json_reply({"errors": [{"message": message}]}, HTTPStatus.CONFLICT)
    except graphql.RefusedError as error:
        status, message = error.args
        refused = {"message": message, "path": ["upsertBucket"]}
        return json_reply({"errors": [refused], "data": {"upsertBucket": None}}, status)
    except KeyError:
        return json_reply({"error": "run not found"}, HTTPStatus.NOT_FOUND)
