"""A proxy in front of a real MLflow server, which disturbs requests by kind."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

from tests.standins.faults import Faults
from tests.standins.loopback import FaultyHandler, LoopbackServer, Reply

KINDS = {
    "experiments/get-by-name": "experiment",
    "experiments/create": "create_experiment",
    "experiments/set-experiment-tag": "tag_experiment",
    "runs/search": "search",
    "runs/create": "create",
    "runs/log-batch": "log_batch",
    "runs/get": "get",
    "runs/update": "update",
    "runs/delete": "delete",
    "runs/log-inputs": "log_dataset",
    "model-versions/set-tag": "tag_version",
}
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"
_UPLOAD, _DOWNLOAD = "/ajax-api/2.0/mlflow/upload-artifact", "/get-artifact"
_PASSED_ON = ("Content-Type", "Authorization")


class MlflowProxy:
    """`requests` counts by kind what arrived, with which Authorization headers `credentials` tells; `faults`
    are asked before anything is passed on.

    With `largest_body`, larger requests are answered by `refusal`, as a gateway's page.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.credentials: set[str | None] = set()
        self.largest_body: int | None = None
        self.refusal = Reply(b"<h1>Request Entity Too Large</h1>", 413, "text/html")
        self._port = 0
        self._server: LoopbackServer | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """The first start takes a free port; later ones keep it."""
        self._server = LoopbackServer(self._port, _Handler, owner=self)
        self._port = self._server.server_port
        self._server.start()

    def stop(self) -> None:
        """From now on connections are refused, and those that were open are cut."""
        if self._server is not None:
            self._server.stop()
            self._server = None


@contextmanager
def mlflow_proxy(upstream: str) -> Iterator[MlflowProxy]:
    proxy = MlflowProxy(upstream)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


def _kind(method: str, path: str) -> str:
    if path.startswith(_ARTIFACTS) or path in (_UPLOAD, _DOWNLOAD):
        return "read_file" if method == "GET" else "store_file"
    return KINDS.get(path.removeprefix("/api/2.0/mlflow/"), "other")


class _Handler(FaultyHandler):
    """Asks the server over a fresh connection each time: one that is kept may be closed meanwhile."""

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def do_PATCH(self) -> None:
        self._pass()

    def do_PUT(self) -> None:
        self._pass()

    def _pass(self) -> None:
        proxy = self.server.owner
        assert isinstance(proxy, MlflowProxy)
        body = self.read_body()
        kind = _kind(self.command, urlsplit(self.path).path)
        proxy.requests[kind] += 1
        proxy.credentials.add(self.headers.get("Authorization"))
        if proxy.largest_body is not None and len(body) > proxy.largest_body:
            self.reply(proxy.refusal)
        else:
            self.serve(kind, proxy.faults, lambda: self._forward(proxy, body))

    def _forward(self, proxy: MlflowProxy, body: bytes) -> Reply:
        assert proxy.upstream.hostname is not None
        server = http.client.HTTPConnection(
            proxy.upstream.hostname, proxy.upstream.port, timeout=240
        )
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        with closing(server):
            server.request(self.command, self.path, body, headers)
            reply = server.getresponse()
            return Reply(reply.read(), reply.status, reply.headers.get("Content-Type", ""))
