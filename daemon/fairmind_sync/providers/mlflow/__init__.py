"""The MLflow provider's folder: opens it by the kind of tracking URI, and lists its secrets. Only this folder
imports mlflow, whose own variables have to be set first.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow import addresses, tracking_variables
from fairmind_sync.providers.mlflow.addresses import unreachable as unreachable
from fairmind_sync.providers.variables import trim
from fairmind_sync.redaction import passwords_in, without_user

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairmind_sync.providers.base import Provider, Remark
    from fairmind_sync.providers.mlflow.runs_api import RunsApi
    from fairmind_sync.settings import Settings

PACKAGE = "mlflow"
TITLE = "MLflow"
PROCESSES = 1
"""One, because MLflow's server limits the throughput."""
_SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "DATABRICKS_TOKEN")
_SDK_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    tracking_variables.TIMEOUT: tracking_variables.DEFAULT_TIMEOUT_S,
}


def open_provider(settings: Settings) -> Provider:
    """Returns the MLflow that the settings name; sets MLflow's own variables for this process."""
    settings.require(
        *("mlflow_public_url", "names", "evidence", "public_url", "mlflow_model_tags"),
        "find_lost_runs",
    )
    for name, value in _SDK_SETTINGS.items():
        os.environ.setdefault(name, value)
    trim("MLFLOW_TRACKING_TOKEN", "DATABRICKS_TOKEN", "DATABRICKS_HOST")
    uri = addresses.checked(settings.mlflow_tracking_uri)
    from fairmind_sync.providers.mlflow.provider import MlflowProvider

    return MlflowProvider(
        _open_api(uri, settings.mlflow_public_url),
        settings.model_copy(update={"mlflow_tracking_uri": uri}),
    )


def destination(settings: Settings) -> dict[str, str | None]:
    return {
        "tracking_uri": without_user(settings.mlflow_tracking_uri),
        "experiment_name": settings.mlflow_experiment_name,
    }


def secrets(settings: Settings) -> list[str]:
    """Returns what MLflow's own variables and file hold, and the tracking URI's secrets."""
    in_variables = (os.environ.get(name, "") for name in _SECRETS)
    return [*in_variables, _password_in_file(), *passwords_in(settings.mlflow_tracking_uri)]


def _password_in_file() -> str:
    """Returns the password of the file that is read where no variable has one."""
    with suppress(ProviderBlockedError):
        return tracking_variables.in_file()[1]
    return ""


def remarks(settings: Settings) -> Iterable[Remark]:
    """Returns what there is to tell of a store of files and of the public URL."""
    from fairmind_sync.providers.mlflow.doctor_remarks import remarks as found

    return found(settings)


def runs_per_second(_settings: Settings) -> None:
    """Returns None: MLflow documents no limit."""


def _open_api(uri: str, public_url: str | None) -> RunsApi:
    if addresses.is_server(uri):
        from fairmind_sync.providers.mlflow.http_runs import open_server

        return open_server(uri.rstrip("/"), public_url)
    if uri.partition("://")[0] == "databricks":
        from fairmind_sync.providers.mlflow.databricks import DatabricksRuns

        return DatabricksRuns(uri)
    from fairmind_sync.providers.mlflow.client_runs import ClientRuns
    from fairmind_sync.providers.mlflow.stores import open_client

    return ClientRuns(open_client(uri), public_url)
