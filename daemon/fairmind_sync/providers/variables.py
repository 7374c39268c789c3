"""Corrects an SDK's environment variables: white space around keys, and relative paths of files."""

from __future__ import annotations

import os
from pathlib import Path

from fairmind_sync.event_log import get_logger

AUTHORITIES_OF_REQUESTS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that have requests trust the authorities in a file or folder, the first of them that is set."""

log = get_logger()


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
        if value := os.environ.get(name):
            os.environ[name] = str(Path(value).expanduser().absolute())
