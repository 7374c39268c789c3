"""The usual HTTP client of an MLflow server: the headers and
credentials of MLflow's client, without importing MLflow.

MLflow's package takes two seconds of processor time and 120 MB to import, and three times as long for a
request. What its client reads from variables and files counts here, too; what needs more of the package goes
by `PackageClient`.
"""

from __future__ import annotations

import base64
import json
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import unquote, urlencode, urlsplit

from urllib3.exceptions import HTTPError, LocationValueError
from urllib3.util import Timeout

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow import tracking_variables
from fairmind_sync.providers.mlflow.http_client import (
    NoReplyError,
    Reply,
    Request,
    UnusableSettingError,
)
from fairmind_sync.providers.mlflow.server_pools import pools_to
from fairmind_sync.redaction import without_user

_WORKSPACE = "X-MLFLOW-WORKSPACE"
_VARIABLE_OF = {"Authorization": "MLFLOW_TRACKING_TOKEN", _WORKSPACE: "MLFLOW_WORKSPACE"}
_PACKAGES = ("mlflow", "mlflow-skinny")


class ThinClient:
    """An `HttpClient` of the server at `uri`, set up by MLflow's variables as they are now."""

    def __init__(self, uri: str) -> None:
        self._uri = without_user(uri)
        self._headers = _headers(uri)
        self._timeout = Timeout(tracking_variables.timeout())
        new_pools = pools_to(self._uri, tracking_variables.certificates())
        self._pools = {apart: new_pools() for apart in (False, True)}

    def send(self, request: Request) -> Reply:
        headers, content = self._headers, request.content
        if request.json is not None:
            headers = headers | {"Content-Type": "application/json"}
            content = json.dumps(request.json, allow_nan=False).encode()
        query = f"?{urlencode(request.params)}" if request.params else ""
        try:
            reply = self._pools[request.apart].request(
                request.method,
                f"{self._uri}{request.path}{query}",
                body=content,
                headers=headers,
                timeout=self._timeout,
                retries=False,
                redirect=False,
            )
        except LocationValueError as error:
            raise UnusableSettingError(str(error)) from error
        except (HTTPError, OSError) as error:
            raise NoReplyError(str(error)) from error
        return Reply(reply.status, reply.data, reply.headers)


def _headers(uri: str) -> dict[str, str]:
    """Returns what MLflow's client sends along with each request."""
    installed = _version()
    found = {
        "User-Agent": f"mlflow-python-client/{installed}",
        "X-MLflow-Client-Version": installed,
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
    }
    if authorization := _authorization(uri):
        found["Authorization"] = authorization
    if workspace := tracking_variables.workspace():
        found[_WORKSPACE] = workspace
    for name, variable in _VARIABLE_OF.items():
        value = found.get(name, "")
        if not (value.isascii() and value.isprintable()):
            raise ProviderBlockedError(
                f"{variable} holds a character that no HTTP header can carry. Copy it once more."
            )
    return found


def _authorization(uri: str) -> str:
    parts, known = urlsplit(uri), tracking_variables.credentials()
    if parts.username is not None and parts.password is not None:
        return _basic(unquote(parts.username), unquote(parts.password))
    if known.user and known.password:
        return _basic(known.user, known.password)
    return f"Bearer {known.token}" if known.token else ""


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode('ascii')}"


def _version() -> str:
    for package in _PACKAGES:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return "unknown"
