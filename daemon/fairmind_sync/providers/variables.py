"""Puts variables of the SDKs right: keys with white space, files named by relative paths, certificates."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name a file or folder of certificates: the first two for requests, the others for Go."""

log = structlog.get_logger()


def trim(*names: str) -> None:
    """Takes white space from the ends of these environment variables; logs the name of each that had some.

    No key and no token has white space at its ends; a file's last newline often comes along.
    """
    for name in names:
        value = os.environ.get(name, "")
        if value != value.strip():
            os.environ[name] = value.strip()
            log.warning("variable.trimmed", variable=name)


def absolute(*names: str) -> None:
    """Has these variables, which name files, mean the same whatever the working directory will be."""
    for name in names:
        if value := os.environ.get(name, ""):
            os.environ[name] = str(Path(value).expanduser().absolute())


def share_certificates() -> None:
    """Has requests and wandb-core, which is written in Go, trust the same certificates, whoever was told."""
    for_requests = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    for_go = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    if for_requests and not for_go:
        os.environ["SSL_CERT_DIR" if Path(for_requests).is_dir() else "SSL_CERT_FILE"] = (
            for_requests
        )
    elif for_go and not for_requests:
        os.environ["REQUESTS_CA_BUNDLE"] = for_go
