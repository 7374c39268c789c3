"""What the doctor says of MLflow's settings: a folder of files as a
store, and whether the public URL leads to the same server.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from fairmind_sync.providers.base import Remark
from fairmind_sync.providers.mlflow import addresses
from fairmind_sync.providers.mlflow.tracking_variables import SERVERS_CERTIFICATE
from fairmind_sync.providers.variables import AUTHORITIES_OF_REQUESTS
from fairmind_sync.redaction import without_user

if TYPE_CHECKING:
    from fairmind_sync.settings import Settings

_TIMEOUT_S = 5.0
_AUTHORITIES = (SERVERS_CERTIFICATE, *AUTHORITIES_OF_REQUESTS)
_LONGEST_VERSION = 50


def remarks(settings: Settings) -> Iterator[Remark]:
    """Yields a remark for a folder of files as a store, and for a public URL."""
    uri = settings.mlflow_tracking_uri.strip()
    if addresses.is_folder(uri):
        yield Remark(
            "MLflow's store",
            "a folder of files: MLflow keeps such stores in maintenance mode, and adds nothing to them",
            "Move to a database when you can: mlflow migrate-filestore, then sqlite:///mlflow.db.",
            is_wrong=False,
        )
    if settings.mlflow_public_url is not None and addresses.is_server(uri):
        yield _compared(without_user(uri).rstrip("/"), settings.mlflow_public_url)


def _compared(uri: str, public_url: str) -> Remark:
    """Compares what answers at both addresses by the versions that both tell."""
    what = "MLflow's public URL"
    own, public = _version(uri), _version(public_url)
    if public is None:
        return Remark(
            what,
            f"no MLflow server answers at {public_url} from here",
            "Open it in a browser; if it shows no MLflow, correct FAIRMIND_SYNC_MLFLOW_PUBLIC_URL.",
            is_wrong=own is not None,
        )
    if own is not None and own != public:
        return Remark(
            what,
            f"MLflow {public} answers at {public_url}, and {own} at the tracking URI",
            "Set FAIRMIND_SYNC_MLFLOW_PUBLIC_URL to the same server's public address.",
            is_wrong=True,
        )
    return Remark(what, f"MLflow {public} answers at {public_url}", "", is_wrong=False)


def _tls() -> ssl.SSLContext:
    """Returns what trusts whom MLflow's client trusts by its variables, and whom the system trusts."""
    context = ssl.create_default_context()
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    for name in _AUTHORITIES:
        if place := os.environ.get(name):
            context.load_verify_locations(**{"capath" if Path(place).is_dir() else "cafile": place})
    return context


def _version(url: str) -> str | None:
    try:
        trust = _tls() if url.startswith("https:") else None
        with urlopen(f"{url}/version", timeout=_TIMEOUT_S, context=trust) as reply:  # noqa: S310 it is http
            text = reply.read(_LONGEST_VERSION).decode("ascii").strip()
    except (URLError, OSError, ValueError):
        return None
    return text if text[:1].isdigit() else None
