"""A run's files on an MLflow server, which writes them: by its artifact proxy, or by the upload of its page.

MLflow's client writes to its own disk where a run's artifacts have a path of files, and needs keys of its own
for a bucket. The server knows its own store.
"""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import quote, urlsplit

import requests

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
    """An `ArtifactsApi` on an HTTP server."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server

    def store(self, run: RunPlace, path: str, content: bytes) -> None:
        if proxied := _proxied_path(run, path):
            reply = self._server.request_apart("PUT", proxied, data=content)
        else:
            where = {"run_uuid": run.id, "path": path}
            reply = self._server.request_apart("POST", _UPLOAD, params=where, data=content)
        if not reply.ok:
            _raise(reply)

    def read(self, run: RunPlace, path: str) -> bytes | None:
        if proxied := _proxied_path(run, path):
            reply = self._server.request_apart("GET", proxied)
        else:
            where = {"run_uuid": run.id, "path": path}
            reply = self._server.request_apart("GET", _DOWNLOAD, params=where)
        if reply.ok:
            return bytes(reply.content)
        if reply.status_code in (requests.codes.not_found, requests.codes.server_error):
            return None  # servers of MLflow 2 answer 500 where a file is missing
        return _raise(reply)


def _raise(reply: requests.Response) -> NoReturn:
    code, message = error_of(reply)
    said = f"{reply.status_code}: {shorten(message, _LONGEST)}" if code else f"{reply.status_code}"
    words = f"the MLflow server, asked for the run's files, answers {said}"
    if _OFF in message:
        raise StoreRefusedError(f"{words}. Start the server with --serve-artifacts.")
    if reply.status_code in _AWAY:
        raise UncertainError(words)
    if reply.status_code >= requests.codes.server_error:
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
