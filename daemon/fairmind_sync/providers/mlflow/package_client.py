"""The HTTP client that uses MLflow's own package: for plugins, request
signatures and Databricks, which `ThinClient` can't.

MLflow's own client repeats `runs/create` when a reply is lost, and two runs exist. Its `http_request` keeps
authentication and headers and can be told to try once; it is semi-public, so tests cover it and
`pyproject.toml` bounds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.rest_utils import MlflowHostCreds, http_request
from requests.auth import HTTPBasicAuth

from fairmind_sync.providers.causes import causes
from fairmind_sync.providers.mlflow import absent_modules, quick_connections, tracking_variables
from fairmind_sync.providers.mlflow.http_client import (
    NoReplyError,
    Reply,
    Request,
    UnusableSettingError,
)

Sign: TypeAlias = Callable[[requests.PreparedRequest], requests.PreparedRequest]

_APART = 3
"""A backoff factor: of no effect without repetitions, but MLflow keeps connections for each value."""
_UNUSABLE = (
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.exceptions.MissingSchema,
)
"""What requests raises before it sends anything."""


class PackageClient:
    """An `HttpClient` with credentials from `host_creds`; `sign` adds to each request what these lack."""

    def __init__(self, host_creds: Callable[[], MlflowHostCreds], sign: Sign) -> None:
        quick_connections.install()
        absent_modules.remember()
        self._host_creds = host_creds
        self._sign = sign
        self._timeout = tracking_variables.timeout()

    def send(self, request: Request) -> Reply:
        carried = {
            "params": request.params,
            "json": request.json,
            "data": request.content,
            "backoff_factor": _APART if request.apart else None,
        }
        try:
            reply: requests.Response = http_request(
                self._host_creds(),
                request.path,
                request.method,
                timeout=self._timeout,
                max_retries=0,
                raise_on_status=False,
                allow_redirects=False,
                auth=self._sign,
                **{name: value for name, value in carried.items() if value is not None},
            )
        except MlflowException as error:
            chain = causes(error)
            kind = UnusableSettingError if any(map(_is_of_the_settings, chain)) else NoReplyError
            raise kind(str(error)) from error
        return Reply(reply.status_code, reply.content, reply.headers)


def client_of(uri: str) -> PackageClient:
    """Returns the client of the server at the URI, with MLflow's own credentials or those in the URI."""
    store = MlflowClient(tracking_uri=uri)._tracking_client.store  # noqa: SLF001 keeps MLflow's authentication
    return PackageClient(store.get_host_creds, _sign_as(uri))


def _sign_as(uri: str) -> Sign:
    """Returns user and password of the URI; without these, what leaves MLflow's own credentials as they are.

    Without any `auth`, requests would replace those by what ~/.netrc has for the host, a W&B key perhaps.
    """
    user, password = requests.utils.get_auth_from_url(uri)
    return HTTPBasicAuth(user, password) if user or password else lambda request: request


def _is_of_the_settings(error: BaseException) -> bool:
    """Returns whether no request could begin: for a proxy, a file of certificates, or MLflow's own checks."""
    return (
        isinstance(error, _UNUSABLE)
        or (type(error) is OSError and "TLS" in str(error))
        or (isinstance(error, MlflowException) and error.error_code == "INVALID_PARAMETER_VALUE")
    )
