"""Puts right what is copied along with a key or token into its variable: white space around it."""

from __future__ import annotations

import os

import structlog

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
