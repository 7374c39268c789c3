"""MLflow: the only folder that imports mlflow, whose settings have to be there before it is imported."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairmind_sync.providers.base import Provider
    from fairmind_sync.providers.mlflow.api import RunsApi
    from fairmind_sync.settings import Settings

_SDK_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def open_provider(settings: Settings) -> Provider:
    """The MLflow that the settings name; sets MLflow's own variables for this process."""
    for name, value in _SDK_SETTINGS.items():
        os.environ.setdefault(name, value)
    from fairmind_sync.providers.mlflow.provider import (  # noqa: PLC0415 after the variables
        MlflowProvider,
    )

    return MlflowProvider(_open_api(settings.mlflow_tracking_uri), settings)


def _open_api(uri: str) -> RunsApi:
    if uri.startswith(("http://", "https://")):
        from fairmind_sync.providers.mlflow.http_runs import HttpRuns  # noqa: PLC0415 as above

        return HttpRuns(uri.rstrip("/"))
    from fairmind_sync.providers.mlflow.client_runs import ClientRuns  # noqa: PLC0415 as above

    return ClientRuns(uri)
