"""The HTTP side: a threaded server that can also drop, garble, delay and hang."""

from __future__ import annotations

import base64
import gzip
import html
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.standins.wandb import graphql
from tests.standins.wandb.faults import Fault, Faults
from tests.standins.wandb.state import StandInRun, Store


class StandInWandb:
    """The service: its state outlives stop() and start(), which keep the port."""

    def __init__(self, api_keys: set[str] | None = None, port: int = 0) -> None:
        self.api_keys = api_keys
        self.store = Store()
        self.faults = Faults()
        self.latency_s = 0.0
        self._port = port
        self._server: _Server | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def runs(self) -> dict[str, StandInRun]:
        return self.store.runs

    def start(self) -> None:
        self._server = _Server(("127.0.0.1", self._port), _Handler)
        self._server.standin = self
        self._port = self._server.server_port
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def stop(self) -> None:
        """From now on connections are refused, and those that were open are cut."""
        if self._server is not None:
            self._server.stopping.set()
            self._server.shutdown()
            self._server.cut_connections()
            self._server.server_close()
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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    standin: StandInWandb

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.stopping = threading.Event()
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        for request in list(self._open):
            self.shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that went away are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base's name
        """Silent: the tests look at the state."""

    def do_GET(self) -> None:
        if self.path == "/standin/runs":
            self._reply_json([asdict(run) for run in self._standin.runs.values()])
        elif self.path == "/standin/requests":
            self._reply_json(dict(self._standin.store.requests))
        else:
            run = self._standin.runs.get(self.path.rsplit("/", 1)[-1])
            title = html.escape(run.display_name) if run else "no such run"
            status = HTTPStatus.OK if run else HTTPStatus.NOT_FOUND
            self._reply(status, f"<!doctype html><title>{title}</title>".encode(), "text/html")

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/standin/faults":
            self._standin.faults.replace(Fault(**rule) for rule in json.loads(body))
            self._reply_json({})
        elif self.path == "/graphql":
            self._graphql(json.loads(body))
        else:
            self._served("file_stream", lambda: self._stream(json.loads(body)))

    def do_PUT(self) -> None:
        body = self._body()
        _, _, run_id, name = self.path.split("/", 3)

        def work() -> dict[str, Any]:
            self._standin.runs[run_id].files[name] = body
            return {}

        self._served("put", work)

    def do_DELETE(self) -> None:
        self._standin.store.delete(self.path.rsplit("/", 1)[-1])
        self._reply_json({})

    @property
    def _standin(self) -> StandInWandb:
        return self.server.standin

    def _graphql(self, request: dict[str, Any]) -> None:
        query, values = request.get("query", ""), request.get("variables") or {}

        def work() -> dict[str, Any]:
            return {
                "data": graphql.answer(self._standin.store, query, values, self._standin.base_url)
            }

        self._served(graphql.kind_of(query), work)

    def _stream(self, body: dict[str, Any]) -> dict[str, Any]:
        self._standin.store.stream(self.path.split("/")[-2], body)
        return {"exitcode": None, "limits": {}}

    def _served(self, kind: str, work: Any) -> None:
        """Does the work and replies, or does what a fault demands."""
        self._standin.store.requests[kind] += 1
        if self._standin.latency_s:
            time.sleep(self._standin.latency_s)
        if not self._is_authorised():
            self._reply_json({"error": "invalid API key"}, HTTPStatus.UNAUTHORIZED)
            return
        fault = self._standin.faults.pick(kind)
        if fault is not None and self._refused(fault):
            return
        try:
            data = work()
        except graphql.DeletedRunError:
            message = f"run {kind} was previously created and deleted; try a new run name"
            self._reply_json({"errors": [{"message": message}]}, HTTPStatus.CONFLICT)
            return
        except KeyError:
            self._reply_json({"error": "run not found"}, HTTPStatus.NOT_FOUND)
            return
        self._reply_json(data, fault=fault)

    def _refused(self, fault: Fault) -> bool:
        """Whether the fault keeps the work from being done."""
        match fault.action:
            case "status":
                headers = (
                    {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
                )
                self._reply_json({"error": "fault"}, HTTPStatus(fault.status), headers=headers)
            case "graphql_error":
                self._reply_json({"errors": [{"message": "fault"}], "data": None})
            case "drop_before":
                self.close_connection = True
            case "hang":
                self.server.stopping.wait()
                self.close_connection = True
            case "delay":
                self.server.stopping.wait(fault.seconds)
                return False
            case _:
                return False
        return True

    def _is_authorised(self) -> bool:
        if self._standin.api_keys is None:
            return True
        scheme, _, value = (self.headers.get("Authorization") or "").partition(" ")
        if scheme != "Basic":
            return False
        return base64.b64decode(value).decode().partition(":")[2] in self._standin.api_keys

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _reply_json(
        self,
        data: object,
        status: HTTPStatus = HTTPStatus.OK,
        *,
        fault: Fault | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        body = json.dumps(data).encode()
        match fault.action if fault else None:
            case "drop_after":
                self.close_connection = True
            case "half":
                self._reply(status, body, "application/json", cut=len(body) // 2)
            case "empty":
                self._reply(status, b"", "application/json")
            case "html":
                self._reply(status, b"<!doctype html><title>a proxy</title>", "text/html")
            case _:
                self._reply(status, body, "application/json", headers=headers)

    def _reply(
        self,
        status: HTTPStatus,
        body: bytes,
        content_type: str,
        *,
        cut: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """One write for head and body: two would wait for each other's acknowledgement."""
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
            "",
            "",
        ]
        self.wfile.write("\r\n".join(lines).encode() + body[:cut])
        self.close_connection = self.close_connection or cut is not None
