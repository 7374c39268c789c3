"""Decides which HTTP client: whether variables or plugins make requests need MLflow's own package."""

from __future__ import annotations

import os
from importlib.metadata import entry_points

from fairmind_sync.providers.mlflow import tracking_variables

_VARIABLES = ("MLFLOW_TRACKING_AUTH", "DATABRICKS_RUNTIME_VERSION", "_MLFLOW_DATABRICKS_TRAFFIC_ID")
"""Each has the package add something to each request."""
_SIGNATURE = "MLFLOW_TRACKING_AWS_SIGV4"
_HEADERS, _STORES = "mlflow.request_header_provider", "mlflow.tracking_store"


def is_needed_for(uri: str) -> bool:
    """Returns whether a variable or an installed plugin changes what is sent to the server at `uri`.

    Raises:
        ProviderBlockedError: a variable makes no sense.
    """
    installed = entry_points()
    return (
        any(os.environ.get(name) for name in _VARIABLES)
        or tracking_variables.is_true(_SIGNATURE)
        or bool(installed.select(group=_HEADERS))
        or uri.partition(":")[0] in installed.select(group=_STORES).names
    )
