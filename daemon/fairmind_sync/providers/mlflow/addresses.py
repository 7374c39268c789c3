"""Checks MLFLOW_TRACKING_URI, and tells servers from folders;
says how to write what MLflow's client can't use.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.redaction import redact, without_user

_SERVER = ("http", "https")
_HOST_AND_PORT = re.compile(r"[\w.-]+:\d{1,5}(/.*)?")


def checked(uri: str) -> str:
    """Returns the URI without white space around it, and with its scheme in lower case.

    Raises:
        ProviderBlockedError: the URI can't be meant as it stands; the message says how to write it.
    """
    scheme, separator, rest = uri.strip().partition(":")
    uri = f"{scheme.lower()}{separator}{rest}"
    if _HOST_AND_PORT.fullmatch(uri):
        _refuse(f"has no scheme: write http://{uri} or https://{uri}")
    if scheme.lower() in _SERVER:
        _check_server(uri)
    return uri


def is_server(uri: str) -> bool:
    """Returns whether the URI names an HTTP server, and neither a store nor a plugin."""
    return uri.partition(":")[0] in _SERVER


def is_folder(uri: str) -> bool:
    """Returns whether the URI names a folder of files."""
    scheme, separator, _ = uri.partition(":")
    return scheme == "file" or (not separator and scheme != "databricks")


def unreachable(address: str, why: str) -> ProviderOfflineError:
    """Returns the error that nobody could be reached at the address, in the same words whoever tried."""
    address = without_user(address)
    return ProviderOfflineError(
        f"the MLflow server can't be reached: {redact(why)}", address=address
    )


def _check_server(uri: str) -> None:
    if "@" in uri.partition("://")[2].partition("/")[2]:
        _refuse("has '/' in user or password, or '@' in its path: write %2F, %40")
    if mark := next((mark for mark in "#?" if mark in uri), None):
        _refuse(f"is a page's address: leave out all from {mark!r} on")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        _refuse(f"is no address: {error}")
    if not parts.hostname or port == 0:
        _refuse("names no host and port: write http://host:port")


def _refuse(problem: str) -> None:
    raise ProviderBlockedError(f"MLFLOW_TRACKING_URI {problem}.")
