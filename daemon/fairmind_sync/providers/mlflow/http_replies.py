"""What an HTTP status, an MLflow error code or a missing reply means: which error of `RunsApi` is raised."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any, NoReturn

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers import proxy, tls
from fairmind_sync.providers.causes import causes, in_words
from fairmind_sync.providers.mlflow.addresses import unreachable
from fairmind_sync.providers.mlflow.http_client import NoReplyError, Reply, UnusableSettingError
from fairmind_sync.providers.mlflow.runs_api import (
    MlflowRefusedError,
    NotMlflowError,
    NotSentError,
    UncertainError,
)
from fairmind_sync.providers.mlflow.strangers import stranger
from fairmind_sync.providers.retry_after import retry_after
from fairmind_sync.providers.statuses import NEVER_A_PROVIDERS
from fairmind_sync.redaction import redact
from fairmind_sync.text import words_of

_AWAY = (429, 502, 503, 504)
_REFUSED = (401, 403)
_NOT_SENT = (NewConnectionError, ConnectTimeoutError, ProxyError)
_OF_SQLALCHEMY = re.compile(r"https://sqlalche\.me/e/\d+/(\w+)")
"""What each of SQLAlchemy's errors ends with; MLflow's server passes most of them on as a bad request."""
_DISTURBANCES = ("3o7r", "rvf5", "2j85", "8s2b", "e3q8")
"""A server's pool of connections is exhausted, a connection was lost, a transaction is broken, and the like:
https://docs.sqlalchemy.org/en/20/errors.html."""
_BASIC_AUTH_WORDS = ("Permission denied", "You are not authenticated")
"""What MLflow's own basic-auth app says, which sends no JSON."""


def raise_unreachable(
    error: NoReplyError, uri: str, variables: tls.TlsVariables, *, is_probe: bool
) -> NoReturn:
    """Raises NotSentError for a request that found no server, UncertainError for one that may have worked.

    `is_probe` is true for a request that begins a probe: where the server cut it, the server is looked at.
    """
    if refused := proxy.refusal(error) or tls.refusal(error, variables):
        raise ProviderBlockedError(refused) from error
    chain = list(causes(error))
    for cause in chain:
        if isinstance(cause, _NOT_SENT):
            away = unreachable(uri, in_words(cause))
            raise NotSentError(str(away), address=away.address) from error
    if isinstance(error, UnusableSettingError):
        raise ProviderBlockedError(
            f"MLflow can't be asked as it is set up: {redact(str(error))} {_remedy(error)}"
        ) from error
    if is_probe and (wrong := tls.look(error, uri, variables)):
        raise ProviderBlockedError(wrong) from error
    raise UncertainError(redact(str(chain[-1]))) from error


def _remedy(error: UnusableSettingError) -> str:
    if "SOCKS" in str(error):
        return "Run: pip install 'requests[socks]'."
    return "Check MLFLOW_TRACKING_*, and the variables of proxies and certificates."


def read_reply(reply: Reply, endpoint: str) -> dict[str, Any]:
    """Returns the reply as a dictionary; raises the error that its status means.

    A page instead of JSON says who answers, but not what became of a request to make or change a run.
    """
    status = reply.status
    if status != HTTPStatus.OK:
        _raise_for_status(status, reply)
    try:
        said = json.loads(reply.content)
    except ValueError:
        is_page = "html" in reply.headers.get("Content-Type", "")
        if is_page and endpoint.startswith("experiments/"):
            _raise_not_mlflow(reply)
        raise UncertainError("the server's reply is empty or no JSON") from None
    if not isinstance(said, dict):
        raise UncertainError("the server's reply is no JSON object")
    return said


def _raise_for_status(status: int, reply: Reply) -> NoReturn:
    code, message = error_of(reply)
    if status in _AWAY:
        raise ProviderOfflineError(
            f"the MLflow server answers {status}: {message}", retry_after(reply.headers)
        )
    if status in NEVER_A_PROVIDERS and not code:
        _raise_not_mlflow(reply)
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UncertainError(f"the MLflow server answers {status}: {message}")
    if "invalid host header" in message.lower():
        raise ProviderBlockedError(
            "the MLflow server refuses the host name in MLFLOW_TRACKING_URI. "
            "Start it with --allowed-hosts naming that host."
        )
    if status in _REFUSED and (code or message.startswith(_BASIC_AUTH_WORDS)):
        raise ProviderBlockedError(
            f"the MLflow server refuses our credentials ({status}: {message}). "
            "Check MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN, "
            "and that they may edit the experiment."
        )
    if status < HTTPStatus.BAD_REQUEST or code in ("", "ENDPOINT_NOT_FOUND"):
        _raise_not_mlflow(reply)
    if (named := _OF_SQLALCHEMY.search(message)) and named[1] in _DISTURBANCES:
        raise UncertainError(f"the MLflow server's database fails the server: {message}")
    raise MlflowRefusedError(code, message)


def _raise_not_mlflow(reply: Reply) -> NoReturn:
    raise NotMlflowError(stranger(reply.status, reply.headers, reply.text))


def error_of(reply: Reply) -> tuple[str, str]:
    """Returns MLflow's error code and message; an empty code and a page's words where it isn't MLflow's."""
    try:
        said = json.loads(reply.content)
        return str(said["error_code"]), str(said.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", words_of(reply.text)[:2000]
