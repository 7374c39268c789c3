"""Stores and reads a run's files on an MLflow server, by its artifact proxy, or by the upload of its page.

MLflow's client writes to its own disk where a run's artifacts have a path of files, and needs keys of its own
for a bucket. The server knows its own store.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import NoReturn
from urllib.parse import quote, urlsplit

from fairmind_sync.providers.mlflow.http_client import Reply, Request
from fairmind_sync.providers.mlflow.http_replies import error_of
from fairmind_sync.providers.mlflow.http_server import HttpServer
from fairmind_sync.providers.mlflow.runs_api import (
    RunPlace,
    ServerFailedError,
    StoreRefusedError,
    UncertainError,
)
from fairmind_sync.text import shorten

_PROXIED = "mlflow-artifacts"
_UPLOAD, _DOWNLOAD = "/ajax-api/2.0/mlflow/upload-artifact", "/get-artifact"
_AWAY = (408, 429, 502, 503, 504)
_LONGEST = 300
_OFF = "serving is disabled"
"""What a server that was started with --no-serve-artifacts says."""


class HttpArtifacts:
    """An `ArtifactsApi` on an HTTP server.

    Requests for files go apart: a server that fails at a file closes the connection a moment later, without a
    word, and another request on it would be lost.
    """

    def __init__(self, server: HttpServer) -> None:
        self._server = server

    def store(self, run: RunPlace, path: str, content: bytes) -> None:
        proxied = _proxied_path(run, path)
        reply = self._server.send(
            Request("PUT", proxied, content=content, apart=True)
            if proxied
            else Request("POST", _UPLOAD, _page(run, path), content=content, apart=True)
        )
        if not reply.is_done:
            _raise(reply)

    def read(self, run: RunPlace, path: str) -> bytes | None:
        proxied = _proxied_path(run, path)
        reply = self._server.send(
            Request("GET", proxied, apart=True)
            if proxied
            else Request("GET", _DOWNLOAD, _page(run, path), apart=True)
        )
        if reply.is_done:
            return reply.content
        if reply.status in (HTTPStatus.NOT_FOUND, HTTPStatus.INTERNAL_SERVER_ERROR):
            return None  # servers of MLflow 2 answer 500 where a file is missing
        return _raise(reply)


def _page(run: RunPlace, path: str) -> dict[str, str]:
    """Returns the parameters by which the server's page names a run's file."""
    return {"run_uuid": run.id, "path": path}


def _raise(reply: Reply) -> NoReturn:
    code, message = error_of(reply)
    said = f"{reply.status}: {shorten(message, _LONGEST)}" if code else f"{reply.status}"
    words = f"the MLflow server, asked for the run's files, answers {said}"
    if _OFF in message:
        raise StoreRefusedError(f"{words}. Start the server with --serve-artifacts.")
    if reply.status in _AWAY:
        raise UncertainError(words)
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ServerFailedError(
            f"{words}. Its log says why it can't write artifacts: it may lack a package, such as boto3 for "
            "s3://, or rights."
        )
    raise StoreRefusedError(f"{words}. Check its credentials, and gateways before it.")


def _proxied_path(run: RunPlace, path: str) -> str | None:
    """Returns where the artifact proxy has the run's file; None where the run's files are elsewhere."""
    place = urlsplit(run.artifact_uri)
    if place.scheme != _PROXIED or place.netloc:
        return None
    return quote(f"/api/2.0/mlflow-artifacts/artifacts{place.path.rstrip('/')}/{path}")
