"""What an HTTP server's reply means, or that there was none: the errors of `RunsApi`."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import requests
from mlflow.exceptions import MlflowException
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers import proxy, tls
from fairmind_sync.providers.causes import causes
from fairmind_sync.providers.mlflow.runs_api import (
    MlflowRefusedError,
    NotMlflowError,
    NotSentError,
    UncertainError,
)
from fairmind_sync.providers.mlflow.strangers import stranger
from fairmind_sync.providers.retry_after import retry_after
from fairmind_sync.redaction import redact, without_user

_AWAY = (429, 502, 503, 504)
_REFUSED = (401, 403)
_UNUSABLE = (
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.exceptions.MissingSchema,
)
"""What requests raises before it sends anything."""
_BASIC_AUTH_WORDS = ("Permission denied", "You are not authenticated")
"""What MLflow's own basic-auth app says, which sends no JSON."""


def raise_unreachable(
    error: MlflowException, uri: str, variables: tls.TlsVariables, *, is_probe: bool
) -> NoReturn:
    """Raises NotSentError for a request that found no server, UncertainError for one that may have worked.

    `is_probe` is true for a request that begins a probe: where the server cut it, the server is looked at.
    """
    if refused := proxy.refusal(error) or tls.refusal(error, variables):
        raise ProviderBlockedError(refused) from error
    chain = list(causes(error))
    not_sent = (NewConnectionError, ConnectTimeoutError, requests.exceptions.ProxyError)
    for cause in chain:
        if isinstance(cause, not_sent):
            raise NotSentError(
                f"the MLflow server can't be reached: {redact(str(cause))}",
                address=without_user(uri),
            ) from error
        if _is_of_the_settings(cause):
            raise ProviderBlockedError(
                f"MLflow can't be asked as it is set up: {redact(str(cause))} {_remedy(cause)}"
            ) from error
    if is_probe and (wrong := tls.look(error, uri, variables)):
        raise ProviderBlockedError(wrong) from error
    raise UncertainError(redact(str(chain[-1]))) from error


def _remedy(error: BaseException) -> str:
    if "SOCKS" in str(error):
        return "Run: pip install 'requests[socks]'."
    return "Check MLFLOW_TRACKING_*, and the variables of proxies and certificates."


def _is_of_the_settings(error: BaseException) -> bool:
    """Returns whether no request could begin: for a proxy, a file of certificates, or MLflow's own checks."""
    return (
        isinstance(error, _UNUSABLE)
        or (type(error) is OSError and "TLS" in str(error))
        or (isinstance(error, MlflowException) and error.error_code == "INVALID_PARAMETER_VALUE")
    )


def read_reply(response: requests.Response, endpoint: str) -> dict[str, Any]:
    """Returns the reply as a dictionary; raises the error that its status means.

    A page instead of JSON says who answers, but not what became of a request to make or change a run.
    """
    status = response.status_code
    if status != requests.codes.ok:
        _raise_for_status(status, response)
    try:
        reply = json.loads(response.content)
    except ValueError:
        is_page = "html" in response.headers.get("Content-Type", "")
        if is_page and endpoint.startswith("experiments/"):
            _raise_not_mlflow(response)
        raise UncertainError("the server's reply is empty or no JSON") from None
    if not isinstance(reply, dict):
        raise UncertainError("the server's reply is no JSON object")
    return reply


def _raise_for_status(status: int, response: requests.Response) -> NoReturn:
    code, message = error_of(response)
    if status in _AWAY:
        raise ProviderOfflineError(
            f"the MLflow server answers {status}: {message}", retry_after(response.headers)
        )
    if status == requests.codes.request_timeout or status >= requests.codes.server_error:
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
    if status < requests.codes.bad_request or code in ("", "ENDPOINT_NOT_FOUND"):
        _raise_not_mlflow(response)
    raise MlflowRefusedError(code, message)


def _raise_not_mlflow(response: requests.Response) -> NoReturn:
    raise NotMlflowError(stranger(response.status_code, response.headers, response.text))


def error_of(response: requests.Response) -> tuple[str, str]:
    """Returns MLflow's error code and message; an empty code where the reply isn't MLflow's."""
    try:
        reply = json.loads(response.content)
        return str(reply["error_code"]), str(reply.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", response.text[:2000]
