"""A threaded HTTP server on loopback that can also refuse, drop, garble, delay, trickle and hang."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.standins.faults import Fault, Faults


@dataclass(frozen=True)
class Reply:
    body: bytes
    status: int = HTTPStatus.OK
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def json_reply(data: object, status: int = HTTPStatus.OK, **headers: str) -> Reply:
    return Reply(json.dumps(data).encode(), status, headers=headers)


HTML = Reply(b"<!doctype html><title>a proxy</title>", content_type="text/html")


class LoopbackServer(ThreadingHTTPServer):
    """Serves in threads until `stop`, which also cuts the connections that are open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, port: int, handler: type[FaultyHandler], owner: Any) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.owner = owner
        self.stopping = threading.Event()
        self._open: set[Any] = set()

    def start(self) -> None:
        threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        for request in list(self._open):
            self.shutdown_request(request)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that went away are part of the tests."""


class FaultyHandler(BaseHTTPRequestHandler):
    """Answers as it should, or as a fault demands."""

    protocol_version = "HTTP/1.1"
    server: LoopbackServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base's name
        """Silent: the tests look at the state."""

    def serve(self, kind: str, faults: Faults, work: Callable[[], Reply]) -> None:
        fault = faults.pick(kind)
        if fault is None:
            self.reply(work())
        elif not self._refused(fault):
            self._reply_disturbed(work(), fault)

    def read_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reply(self, reply: Reply, *, cut: int | None = None) -> None:
        """One write for head and body: two would wait for each other's acknowledgement."""
        self.wfile.write(_head(reply) + reply.body[:cut])
        self.close_connection = self.close_connection or cut is not None

    def _refused(self, fault: Fault) -> bool:
        """Whether the fault keeps the work from being done."""
        match fault.action:
            case "status":
                patience = (
                    {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after}"}
                )
                self.reply(json_reply({"error": "fault"}, fault.status, **patience))
            case "redirect":
                self.reply(Reply(b"", HTTPStatus.FOUND, headers={"Location": "/elsewhere"}))
            case "graphql_error":
                self.reply(json_reply({"errors": [{"message": "fault"}], "data": None}))
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

    def _reply_disturbed(self, reply: Reply, fault: Fault) -> None:
        match fault.action:
            case "drop_after":
                self.close_connection = True
            case "half":
                self.reply(reply, cut=len(reply.body) // 2)
            case "empty":
                self.reply(Reply(b""))
            case "html":
                self.reply(HTML)
            case "late":
                self.server.stopping.wait(fault.seconds)
                self.reply(reply)
            case "trickle":
                self._trickle(_head(reply) + reply.body, fault.seconds)
            case _:
                self.reply(reply)

    def _trickle(self, reply: bytes, seconds: float) -> None:
        for byte in reply:
            if self.server.stopping.wait(seconds):
                break
            self.wfile.write(bytes([byte]))


def _head(reply: Reply) -> bytes:
    status = HTTPStatus(reply.status)
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in reply.headers.items()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode()
