"""Stores and reads a run's files by MLflow's client, for stores that are no HTTP server."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

from mlflow import MlflowClient

from fairmind_sync.providers.mlflow.runs_api import RunPlace, StoreRefusedError
from fairmind_sync.redaction import redact
from fairmind_sync.text import shorten

_LONGEST = 300


class ClientArtifacts:
    """An `ArtifactsApi` on MlflowClient."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def store(self, run: RunPlace, path: str, content: bytes) -> None:
        at = PurePosixPath(path)
        try:
            with tempfile.TemporaryDirectory() as directory:
                file = Path(directory) / at.name
                file.write_bytes(content)
                self._client.log_artifact(run.id, str(file), str(at.parent))
        except Exception as error:
            raise StoreRefusedError(_words(error)) from error

    def read(self, run: RunPlace, path: str) -> bytes | None:
        try:
            with tempfile.TemporaryDirectory() as directory:
                return Path(self._client.download_artifacts(run.id, path, directory)).read_bytes()
        except FileNotFoundError:
            return None
        except Exception as error:
            raise StoreRefusedError(_words(error)) from error


def _words(error: Exception) -> str:
    return shorten(
        redact(f"the run's files can't be stored: {type(error).__name__}: {error}"), _LONGEST
    )
